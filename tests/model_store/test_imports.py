"""What the web process imports of this package loads no torch."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module", ["card", "registry", "decoding", "preprocessing", "errors", "resize"]
)
def test_the_web_side_loads_no_torch(module: str) -> None:
    code = (
        f"import sys, model_store.{module}\n"
        "print(sorted({'torch', 'timm', 'torchvision', 'safetensors'} & sys.modules.keys()))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout == "[]\n"
