"""Real web processes on a real Redis."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from app.embedded.address import free_port
from tests.app.conftest import anyio_backend, picture, redis_url  # noqa: F401 - fixtures

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


@pytest.fixture
def start_web(redis_url: str, tmp_path: Path) -> Iterator[Callable[..., Web]]:  # noqa: F811
    """Starts web processes as an image does, and kills them in the end."""
    started: list[Web] = []

    def start(**settings: str) -> Web:
        port, log = free_port("127.0.0.1"), tmp_path / f"web-{len(started)}.log"
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
