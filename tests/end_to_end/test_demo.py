"""`dmae demo`, from any folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.redis, pytest.mark.slow]


ONE_MODEL = {"WORKER_MODELS": "vit_tiny_patch4_32.dmae_cifar10_s025", "WORKER_WARM_UP_S": "0.1"}


def test_the_demonstration_certifies_pictures_of_several_classes_and_stops(tmp_path: Path) -> None:
    demo = subprocess.run(
        [sys.executable, "-m", "app.cli", "demo"],
        cwd=tmp_path,
        env={**os.environ, **ONE_MODEL, "WORKER_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )

    assert demo.returncode == 0, demo.stdout + demo.stderr
    for words in ("airplane.jpg    airplane", "cat.jpg         cat", "ship.jpg        ship"):
        assert f"  {words}  " in demo.stdout
    assert "of 7 pictures, and stopped everything" in demo.stdout
