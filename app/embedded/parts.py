"""The parts of the stack: their command lines, and how each shows that it does its work."""

import asyncio
import math
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import redis

import app
from app.client import Client, ClientError
from app.embedded.part import Part
from app.embedded.valkey import configuration
from app.settings import AppSettings
from jobs import store
from jobs.command import SyncRunner
from jobs.connection import make_redis
from jobs.errors import JobsError

ROOT = Path(app.__file__).resolve().parents[1]
"""What `python -m` has to see: the directory of the packages."""

WEB_CLOSE_S = 10.0
"""For a web process to close in, once it has finished what it was sent."""

WORKER_STOP_S = 30.0
STORE_STOP_S = 20.0
LONGEST_PROBE_S = 2.0

# Keep the memory of a batch for the next one: glibc would give it back and fault it in again.
# The bundled model, batches of 64 on two Zen 5 cores: 850 draws/s with it, 540 to 700 without.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "33554432", "MALLOC_TRIM_THRESHOLD_": "1073741824"}


WORKER_ARGUMENTS = [sys.executable, "-m", "worker"]
"""Command line of a worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What the parts of one stack have in common.

    Attributes:
        logs: Directory of their logs.
        environment: What they get to see.
        redis_url: Where the store is.
    """

    logs: Path
    environment: Mapping[str, str]
    redis_url: str


def store_part(place: Place, server: Path, *, directory: Path, socket_path: Path) -> Part:
    """The Valkey server; writes its configuration."""
    file = directory / "valkey.conf"
    file.write_text(configuration(directory, socket_path), encoding="utf-8")

    def answers() -> bool:
        with make_redis(place.redis_url) as connection:
            return bool(connection.ping())  # pyright: ignore[reportUnknownMemberType]

    return Part(
        name="store",
        arguments=[str(server), str(file)],
        environment=place.environment,
        directory=directory,
        log=place.logs / "store.log",
        is_ready=_probe(lambda _: answers()),
        stop_s=STORE_STOP_S,
    )


def worker_part(place: Place, number: int, *, torch_threads: int) -> Part:
    """A worker; ready when it has loaded and measured its models and says so in the store."""
    began_after = time.time()

    def is_heard_of(pid: int) -> bool:
        with make_redis(place.redis_url) as connection:
            infos = SyncRunner(connection).run(store.workers())
        name = f"{socket.gethostname()}-{pid}-"
        # Process ids come again; a worker of an earlier stack may not have been forgotten yet.
        return any(
            info.state == "ready"
            and info.instance.startswith(name)
            and info.started_at >= began_after
            for info in infos
        )

    return Part(
        name=f"worker-{number}",
        arguments=WORKER_ARGUMENTS,
        environment={"WORKER_TORCH_THREADS": str(torch_threads), **ALLOCATOR, **place.environment},
        directory=ROOT,
        log=place.logs / f"worker-{number}.log",
        is_ready=_probe(is_heard_of),
        stop_s=WORKER_STOP_S,
    )


def web_part(place: Place, settings: AppSettings, *, host: str, port: int, url: str) -> Part:
    """The web process; ready when it answers."""

    def answers() -> bool:
        # By no proxy of the environment: it is this machine, whatever its address.
        direct = httpx.HTTPTransport()
        with Client(
            url, api_key="", timeout_s=LONGEST_PROBE_S, patience_s=0, transport=direct
        ) as client:
            return client.is_alive()

    return Part(
        name="web",
        arguments=web_arguments(host, port, body_timeout_s=settings.body_timeout_s),
        environment=place.environment,
        directory=ROOT,
        log=place.logs / "web.log",
        is_ready=_probe(lambda _: answers()),
        stop_s=settings.drain_s + settings.body_timeout_s + WEB_CLOSE_S,
    )


def web_arguments(
    host: str, port: int, *, body_timeout_s: float = 30.0, root_path: str = ""
) -> list[str]:
    """Command line of a web process.

    Args:
        host: Address to listen on.
        port: Port to listen on.
        body_timeout_s: Longest that an upload may take, which is finished before the end.
        root_path: What all links begin with: a proxy takes it off the requests; "" for nothing.
    """
    return [
        *(sys.executable, "-m", "uvicorn", "--factory", "app.main:from_environment"),
        *("--http", "app.http_protocol:HttpProtocol", "--ws", "none"),
        *("--host", host, "--port", str(port), "--no-access-log", "--no-server-header"),
        *("--timeout-graceful-shutdown", str(math.ceil(body_timeout_s + WEB_CLOSE_S / 2))),
        *(("--root-path", root_path) if root_path else ()),
    ]


def cores() -> int:
    """CPU cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _probe(look: Callable[[int], bool]) -> Callable[[int], Awaitable[bool]]:
    """A question to a process that may not be there yet, asked in a thread."""

    async def is_ready(pid: int) -> bool:
        try:
            return await asyncio.to_thread(look, pid)
        except (redis.RedisError, JobsError, ClientError):
            return False

    return is_ready
