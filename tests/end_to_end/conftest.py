"""The real stack, started as a user starts it: `dmae serve`, with real Valkey, workers and HTTP."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from app.embedded.address import free_port

ROOT = Path(__file__).parents[2]
SECRET = "5ec7e7" * 12
TERMINAL = {"succeeded", "failed", "cancelled", "expired"}


def children(pid: int) -> list[int]:
    """Process ids of all descendants, by /proc."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            child, rest = int(stat.parent.name), stat.read_text().rsplit(")", 1)[1].split()
            parents.setdefault(int(rest[1]), []).append(child)
    found, queue = [], [pid]
    while queue:
        queue.extend(parents.get(queue.pop(), []))
        found = sorted({*found, *queue})
    return found


@dataclass
class Stack:
    """A running `dmae serve`, and what a test does to it."""

    process: subprocess.Popen[bytes]
    client: httpx.Client

    def pids(self, word: str) -> list[int]:
        """Descendants of the supervisor whose command line holds `word`."""
        named = []
        for pid in children(self.process.pid):
            with suppress(OSError):
                if word in Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode():
                    named.append(pid)
        return named

    def kill(self, word: str) -> None:
        for pid in self.pids(word):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def submit(self, image: bytes, **fields: Any) -> dict[str, Any]:
        """Mode fixed unless another is named."""
        data = {"sigma": "0.25", "mode": "fixed"}
        data |= {name: str(value) for name, value in fields.items()}
        answer = self.client.post("/certify", files={"image": ("x", image)}, data=data)
        assert answer.status_code in {200, 202}, answer.text
        return answer.json()

    def read(self, job_id: str) -> dict[str, Any]:
        return self.client.get(f"/jobs/{job_id}").raise_for_status().json()

    def wait(self, job_id: str, *, seconds: float = 120) -> dict[str, Any]:
        """Poll to the end; refusals while Redis is away are part of the game."""
        deadline = time.monotonic() + seconds
        while True:
            answer = self.client.get(f"/jobs/{job_id}", params={"wait": 5})
            if answer.status_code == 200 and answer.json()["state"] in TERMINAL:
                return answer.json()
            assert answer.status_code in {200, 503}, answer.text
            assert time.monotonic() < deadline, f"not terminal after {seconds} s: {answer.text}"
            time.sleep(0.1)

    def wait_until(self, condition: Callable[[], bool], *, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not within {seconds} s"
            time.sleep(0.05)

    def ready(self) -> bool:
        with suppress(httpx.HTTPError):
            return self.client.get("/readyz").status_code == 200
        return False


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Stack]]:
    """Starts stacks, and stops them at the end."""
    stacks: list[Stack] = []
    cache = tmp_path_factory.mktemp("cache")

    def start(*, workers: int = 1, state_dir: Path | None = None) -> Stack:
        port = free_port("127.0.0.1")
        directory = state_dir or tmp_path_factory.mktemp("state")
        command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port)]
        process = subprocess.Popen(
            [*command, "--workers", str(workers), "--state-dir", str(directory)],
            cwd=ROOT,
            env={**os.environ, "DMAE_SECRET": SECRET, "WORKER_CACHE_DIR": str(cache)},
        )
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)
        stack = Stack(process=process, client=client)
        stacks.append(stack)
        stack.wait_until(lambda: stack.ready() or process.poll() is not None, seconds=180)
        assert process.poll() is None, f"dmae serve ended with {process.returncode}"
        return stack

    yield start
    for stack in stacks:
        stop(stack)


def stop(stack: Stack) -> int:
    """Ctrl-C, as a user would; returns the exit code."""
    if stack.process.poll() is None:
        stack.process.send_signal(signal.SIGINT)
    code = stack.process.wait(timeout=60)
    stack.client.close()
    return code


@pytest.fixture(scope="session")
def stop_stack() -> Callable[[Stack], int]:
    return stop


@pytest.fixture(scope="session")
def stack(serve: Callable[..., Stack]) -> Stack:
    """One stack with two workers for all tests that leave it as they found it."""
    return serve(workers=2)


@pytest.fixture(scope="session")
def picture() -> Callable[..., bytes]:
    """Encoded pictures that differ by seed: smooth colours, like a photograph out of focus."""

    def encode(seed: int, *, size: tuple[int, int] = (32, 32), form: str = "PNG") -> bytes:
        noise = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        file = BytesIO()
        Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).save(file, form)
        return file.getvalue()

    return encode


@dataclass(frozen=True)
class Bare:
    """What a request comes to without queue, batcher or store."""

    counts: dict[str, dict[str, int]]
    radius: float
    p_lower: float
    stop_reason: str


@pytest.fixture(scope="session")
def in_process() -> Callable[..., Bare]:
    """A request's votes and answer, drawn here with the service's key."""
    from jobs.keys import job_key, model_ref, request_digest, secret_from_text
    from jobs.record import ImageRef
    from model_store.decoding import ImageLimits, decode
    from model_store.preprocessing import prepare
    from model_store.registry import Registry
    from model_store.runtimes import Wishes, open_runtime
    from smoothing import SmoothingParams
    from smoothing.sampler import Sampler, certify

    registry = Registry()
    card = registry.default()
    side = card.preprocessing.size
    opened = open_runtime(card, registry.path(card.id), Wishes(batch_size=50, streams=1))
    sampler = Sampler(
        opened.runtime,
        num_classes=card.num_classes,
        input_shape=(3, side, side),
        batch_size=50,
    )

    def draw(upload: bytes, **asked: Any) -> Bare:
        certified = prepare(decode(upload, ImageLimits()), card.preprocessing)
        image = ImageRef(
            upload_sha256="",
            tensor_sha256=certified.sha256,
            shape=(3, side, side),
            original_size=certified.original_size,
            spectral_norm=certified.spectral_norm,
            rounding_slack=certified.rounding_slack,
            preprocessing={},
        )
        params = SmoothingParams(sigma=0.25, **asked)
        digest = request_digest(model_ref(card), image, params)
        key = job_key(secret_from_text(SECRET), digest)
        certificate = certify(sampler, certified.tensor, key=key, params=params)
        return Bare(
            counts={phase.value: votes.sparse() for phase, votes in certificate.tally.items()},
            radius=certificate.radius,
            p_lower=certificate.p_lower,
            stop_reason=certificate.stop_reason,
        )

    return draw
