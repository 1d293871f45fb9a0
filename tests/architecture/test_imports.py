"""The web process must start without torch: it may not even be installed there."""

import subprocess
import sys

import pytest

LIGHT = ["app.main", "app.cli", "jobs.queue", "jobs.store", "smoothing", "smoothing.procedures",
         "model_store.card", "model_store.registry", "model_store.decoding",
         "model_store.preprocessing"]  # fmt: skip


@pytest.mark.parametrize("module", LIGHT)
def test_importing_leaves_torch_unloaded(module: str) -> None:
    code = f"import {module}, sys; sys.exit('torch' in sys.modules or 'timm' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_starting_the_command_line_is_quick_on_imports() -> None:
    """`dmae certify` talks HTTP: it needs neither the web framework nor the queue."""
    code = "import app.cli, sys; sys.exit(bool({'celery', 'fastapi'} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
