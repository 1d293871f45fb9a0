"""Parts that are shell scripts, and a service that says what it is told to."""

import json
import os
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from app.embedded.part import Part


async def _at_once(_: int) -> bool:
    return True


async def _never(_: int) -> bool:
    return False


@pytest.fixture
def shell_part(tmp_path: Path) -> Callable[..., Part]:
    """Makes a part that runs a shell script, ready at once unless told otherwise."""

    def make(name: str, script: str, *, ready: bool = True, stop_s: float = 5.0) -> Part:
        return Part(
            name=name,
            arguments=["/bin/sh", "-c", script],
            environment=dict(os.environ),
            directory=tmp_path,
            log=tmp_path / f"{name}.log",
            is_ready=_at_once if ready else _never,
            stop_s=stop_s,
        )

    return make


def gone(pid: int, within_s: float = 5.0) -> bool:
    """Whether a process ends in time; one that nobody has waited for yet has ended."""
    give_up = time.monotonic() + within_s
    while time.monotonic() < give_up:
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2]
        except FileNotFoundError:
            return True
        if state.split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def is_gone() -> Callable[[int], bool]:
    """Whether a process ends within some seconds."""
    return gone


Answer = tuple[int, Mapping[str, Any], Mapping[str, str]]
"""Status, JSON body, headers."""


@dataclass
class StubService:
    """A service that gives the answers it was told to, the last of each path for ever.

    Attributes:
        url: Where it is.
        answers: "METHOD /path" -> answers, in order.
        requests: What was asked, "METHOD /path?query", in order.
        bodies: What was sent with it, in order.
    """

    url: str = ""
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def says(
        self, call: str, body: Mapping[str, Any], status: int = 200, **headers: str
    ) -> "StubService":
        """Add an answer; header names have underscores for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.setdefault(call, []).append((status, body, named))
        return self

    def take(self, call: str) -> Answer:
        """The next answer to a call."""
        left = self.answers.get(call)
        if not left:
            return 404, {"title": "Nothing here", "detail": call, "errors": []}, {}
        return left.pop(0) if len(left) > 1 else left[0]


@pytest.fixture
def service() -> Generator[StubService]:
    """A service on a real socket that gives scripted answers."""
    stub = StubService()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            stub.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            stub.requests.append(f"{self.command} {self.path}")
            status, body, headers = stub.take(f"{self.command} {self.path.partition('?')[0]}")
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = _answer  # noqa: N815 - the names that http.server looks for
        do_POST = _answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stub.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield stub
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def job_body() -> Callable[..., dict[str, Any]]:
    """Makes the JSON of a job."""

    def make(state: str, **changes: Any) -> dict[str, Any]:
        progress = {"draws_done": 550, "draws_planned": 1100, "draws_per_s": 100.0, "eta_s": 5.5}
        body = {"id": "job-1", "state": state, "progress": progress, "cached": False}
        return {**body, "certificate": None, "interim": None, "error": None, **changes}

    return make


@pytest.fixture
def certificate() -> dict[str, Any]:
    """A certificate document, of a cat."""
    return {
        "verdict": "certified",
        "predicted": {"index": 3, "label": "cat"},
        "radius": 0.374123,
        "radius_255": 95.401365,
        "radius_original": 0.37411,
        "radius_ceiling": 0.615814,
        "counts": {"selection": {"3": 100}, "estimation": {"3": 988, "5": 12}},
        "mode": "fixed",
        "stop_reason": "complete",
        "sigma": 0.25,
        "numerics": "sound",
        "n": 1000,
        "abstention": None,
        "image": {"original_size": [32, 32]},
        "model": {"id": "tiny"},
        "duration_s": 11.0,
        "draws_per_s": 100.0,
        "statement": "With confidence 0.999 every image within L2 distance 0.374123 is a cat.",
    }


@pytest.fixture
def model_body() -> dict[str, Any]:
    """The JSON of a model."""
    labels = ["airplane", "automobile", "bird", "cat", "deer", "dog"]
    card = {"description": "A small ViT", "labels": labels, "sigmas": [0.25]}
    live = {"workers_ready": 1, "draws_per_s": 95.0}
    return {
        "id": "tiny",
        "default": True,
        "card": {**card, "preprocessing": {"size": 32}},
        "live": live,
    }


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A file to upload; the stub does not look into it."""
    path = tmp_path / "cat.jpg"
    path.write_bytes(b"not looked into")
    return path
