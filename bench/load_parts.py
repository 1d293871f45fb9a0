"""Parts of the service as `dmae serve` starts them, each for itself, and what they use."""

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from app.access.keys import new_key
from app.embedded.address import free_port
from app.embedded.lifeline import lifeline
from app.embedded.parts import ALLOCATOR, ROOT, WORKER_ARGUMENTS, web_arguments
from app.embedded.valkey import configuration, find_server, socket_url
from jobs import api_keys, store
from jobs.caller import Quota
from jobs.command import SyncRunner
from jobs.connection import make_redis
from model_store.registry import BUNDLED

START_S = 180.0
STOP_S = 30.0
APP = "app.main:from_environment"
CEILING = "bench.load_ceiling:application"
AMPLE = Quota(live_jobs=10**7, draws_queued=10**12, requests_per_minute=10**7)
"""Limits that are kept count of, and never reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A process.

    Attributes:
        pid: Its id.
        port: Where it answers; 0 where it does not.
    """

    pid: int
    port: int = 0

    def cpu_s(self) -> float:
        """Seconds of a core that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int:
        """Bytes that it holds in memory."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE")


class Site:
    """A directory with a Valkey, and processes that use it. Made by `site`.

    Args:
        directory: For all that they keep.
        run: Starts a program.
    """

    def __init__(
        self,
        directory: Path,
        run: Callable[[str, Sequence[str], Mapping[str, str]], subprocess.Popen[bytes]],
    ) -> None:
        self._directory, self._run = directory, run
        path = directory / "valkey.sock"
        self.redis_url = socket_url(path)
        file = directory / "valkey.conf"
        file.write_text(configuration(directory, path))
        process = run("store", [str(find_server()), str(file)], {})
        self.valkey = Started(pid=process.pid)
        self.redis: redis.Redis = make_redis(self.redis_url, timeout_s=30)
        _until(lambda: bool(self.redis.ping()), process)
        self.runner = SyncRunner(self.redis)

    def web(self, application: str = APP, **environment: str) -> Started:
        """A web process that answers."""
        port = free_port("127.0.0.1")
        arguments = [application if a == APP else a for a in web_arguments("127.0.0.1", port)]
        process = self._run(f"web-{port}", arguments, self._environment(environment))

        def answers() -> bool:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return True

        _until(answers, process)
        return Started(pid=process.pid, port=port)

    def worker(self, **environment: str) -> Started:
        """A worker that draws."""
        process = self._run("worker", WORKER_ARGUMENTS, self._environment(environment) | ALLOCATOR)

        def draws() -> bool:
            return any(info.state == "ready" for info in self.runner.run(store.workers()))

        _until(draws, process)
        return Started(pid=process.pid)

    def api_key(self, quota: Quota = AMPLE) -> str:
        """A new API key."""
        made = new_key(
            name="load", scopes=frozenset({"certify", "read"}), quota=quota, now=time.time()
        )
        self.runner.run(api_keys.create(made.key))
        return made.text

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        own = {
            "REDIS_URL": self.redis_url,
            "MODEL_STORE_DIR": str(BUNDLED),
            "APP_KEYS": "required",
            "WORKER_CACHE_DIR": str(self._directory),
            "WORKER_TORCH_THREADS": "1",
        }
        return {**own, **more}


@contextmanager
def site() -> Generator[Site]:
    """A new directory with a Valkey; all that was started ends with the block."""
    started: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory(prefix="dmae-load-") as name, lifeline() as ties:

        def run(
            part: str, arguments: Sequence[str], environment: Mapping[str, str]
        ) -> subprocess.Popen[bytes]:
            with (Path(name) / f"{part}.log").open("wb") as log:
                process = subprocess.Popen(
                    ties.command(arguments),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={**os.environ, **environment},
                    cwd=ROOT,
                    start_new_session=True,
                )
            ties.started(process.pid)
            started.append(process)
            return process

        try:
            yield Site(Path(name), run)
        finally:
            for process in reversed(started):
                _stop(process)
                ties.ended(process.pid)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _until(is_ready: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    give_up_at = time.monotonic() + START_S
    while time.monotonic() < give_up_at:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended with {process.returncode}")
        try:
            if is_ready():
                return
        except (OSError, redis.RedisError):
            pass
        time.sleep(0.1)
    raise RuntimeError(f"{process.args} was not ready within {START_S} s")
