"""The real stack for a benchmark: `dmae serve` on a free port, with a state of its own."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from app.client import Client
from app.embedded.address import free_port

START_S = 180


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A running `dmae serve`.

    Attributes:
        url: Where it answers.
        process: The supervisor.
    """

    url: str
    process: subprocess.Popen[bytes]

    def wait_until_ready(self) -> None:
        """Return once it can certify.

        Raises:
            RuntimeError: Not in time, or it ended.
        """
        give_up_at = time.monotonic() + START_S
        said = "nothing"
        while time.monotonic() < give_up_at:
            if self.process.poll() is not None:
                raise RuntimeError(f"dmae serve ended with {self.process.returncode}")
            with suppress(httpx.TransportError):
                answer = httpx.get(f"{self.url}/readyz", trust_env=False)
                if answer.status_code == 200:
                    return
                said = answer.text
            time.sleep(0.2)
        raise RuntimeError(f"dmae serve was not ready within {START_S} s; it says {said}")


@contextmanager
def running_stack(*, workers: int, store: Path, model: str, batch_size: int) -> Generator[Client]:
    """A client of a stack that is ready to certify; the stack ends with the block.

    Args:
        workers: Worker processes, of one thread each.
        store: Directory of the models.
        model: The only one that is loaded.
        batch_size: Rows of their batches, fixed so that runs compare.

    Raises:
        RuntimeError: It was not ready in time, or ended.
    """
    wanted = model_environment(store, model, batch_size=batch_size)
    with (
        serving(workers=workers, environment=wanted) as stack,
        Client(stack.url, timeout_s=120) as client,
    ):
        yield client


def model_environment(store: Path, model: str, *, batch_size: int) -> Mapping[str, str]:
    """What the parts of a stack are told, to have one model and batches of one size."""
    return {
        "MODEL_STORE_DIR": str(store.resolve()),
        "WORKER_MODELS": model,
        "WORKER_BATCH_SIZE": str(batch_size),
    }


@contextmanager
def serving(*, workers: int, environment: Mapping[str, str]) -> Generator[Stack]:
    """A stack that is ready to certify; it ends with the block.

    Args:
        workers: Worker processes, of one thread each.
        environment: What its parts are told, beside this process's own.

    Raises:
        RuntimeError: It was not ready in time, or ended.
    """
    port = free_port("127.0.0.1")
    with tempfile.TemporaryDirectory(prefix="dmae-bench-") as state:
        command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port)]
        process = subprocess.Popen(
            [*command, "--workers", str(workers), "--state-dir", state],
            stdout=subprocess.DEVNULL,
            env={
                **os.environ,
                "WORKER_STREAMS": "1",
                "WORKER_TORCH_THREADS": "1",
                "WORKER_CACHE_DIR": state,
                **environment,
            },
        )
        stack = Stack(url=f"http://127.0.0.1:{port}", process=process)
        try:
            stack.wait_until_ready()
            yield stack
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)
