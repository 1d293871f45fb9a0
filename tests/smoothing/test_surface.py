"""What `import smoothing` gives, and what it does not cost."""

import subprocess
import sys

import smoothing


def test_importing_leaves_torch_unloaded() -> None:
    code = "import smoothing, smoothing.noise, sys; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_exported_name_exists_once() -> None:
    assert len(set(smoothing.__all__)) == len(smoothing.__all__)
    assert all(hasattr(smoothing, name) for name in smoothing.__all__)
