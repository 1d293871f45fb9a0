"""The real stack for a benchmark: `dmae serve` on a free port, with a state of its own."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from app.client import Client

START_S = 180


@contextmanager
def running_stack(*, workers: int, store: Path, model: str, batch_size: int) -> Iterator[Client]:
    """A client of a stack that is ready to certify; the stack ends with the block.

    Args:
        workers: Worker processes, of one thread each.
        store: Directory of the models.
        model: The only one that is loaded.
        batch_size: Rows of their batches, fixed so that runs compare.

    Raises:
        RuntimeError: It was not ready in time, or ended.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="dmae-bench-") as state:
        command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port)]
        process = subprocess.Popen(
            [*command, "--workers", str(workers), "--state-dir", state],
            stdout=subprocess.DEVNULL,
            env={
                **os.environ,
                "MODEL_STORE_DIR": str(store.resolve()),
                "WORKER_MODELS": model,
                "WORKER_BATCH_SIZE": str(batch_size),
                "WORKER_STREAMS": "1",
                "WORKER_TORCH_THREADS": "1",
                "WORKER_CACHE_DIR": state,
            },
        )
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_until_ready(url, process)
            with Client(url, timeout_s=120) as client:
                yield client
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    give_up_at = time.monotonic() + START_S
    while time.monotonic() < give_up_at:
        if process.poll() is not None:
            raise RuntimeError(f"dmae serve ended with {process.returncode}")
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}/readyz", trust_env=False).status_code == 200:
                return
        time.sleep(0.2)
    raise RuntimeError(f"dmae serve was not ready within {START_S} s")
