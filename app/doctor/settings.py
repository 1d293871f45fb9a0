"""What the checks read of the environment."""

import os


def torch_threads() -> str | None:
    """WORKER_TORCH_THREADS; None where torch chooses."""
    return os.environ.get("WORKER_TORCH_THREADS") or None
