"""Real web processes on a real Redis, and pictures for them."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from jobs.connection import make_redis

ROOT = Path(__file__).parents[2]


@dataclass
class Web:
    """A web process of its own."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def redis_url(running_server: Any) -> str:
    """URL of an empty Redis."""
    with make_redis(running_server.url) as connection:
        connection.flushall()
    return running_server.url


@pytest.fixture
def start_web(redis_url: str, tmp_path: Path) -> Iterator[Callable[..., Web]]:
    """Starts web processes as an image does, and kills them in the end."""
    started: list[Web] = []

    def start(**settings: str) -> Web:
        port, log = free_port(), tmp_path / f"web-{len(started)}.log"
        command = [sys.executable, "-m", "uvicorn", "--factory", "app.main:from_environment"]
        command += ["--port", str(port), "--no-access-log", "--timeout-graceful-shutdown", "10"]
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=os.environ | {"REDIS_URL": redis_url} | settings,
                stdout=output,
                stderr=output,
            )
        web = Web(process=process, port=port, log=log)
        started.append(web)
        give_up_at = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"{web.url}/livez")
                break
            except httpx.TransportError:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < give_up_at
                time.sleep(0.05)
        return web

    yield start
    for web in started:
        web.process.kill()
        web.process.wait()


@pytest.fixture(scope="session")
def picture() -> Callable[[int], bytes]:
    """Encoded pictures, different by seed."""

    def encode(seed: int) -> bytes:
        noise = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        file = BytesIO()
        Image.fromarray(noise).save(file, "PNG")
        return file.getvalue()

    return encode
