"""Real Redis servers for every room's tests."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.embedded.errors import ServerNotFound
from app.embedded.valkey import find_server

START_S = 20.0

# A shell without job control has what it starts in the background ignore Ctrl-C, and processes
# hand that down: the tests of Ctrl-C would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass
class RedisServer:
    """A server on a unix socket, which a test may kill, freeze and start again."""

    program: Path
    folder: Path
    process: "subprocess.Popen[bytes] | None" = field(init=False, default=None)

    @property
    def socket(self) -> Path:
        return self.folder / "redis.sock"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        self.socket.unlink(missing_ok=True)
        options = ["--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder)]
        options += ["--save", "", "--appendonly", "yes", "--appendfsync", "always"]
        self.process = subprocess.Popen([str(self.program), *options], stdout=subprocess.DEVNULL)
        give_up_at = time.monotonic() + START_S
        while not self.socket.exists():
            assert self.process.poll() is None, "the server did not start"
            assert time.monotonic() < give_up_at, f"no socket within {START_S} s"
            time.sleep(0.005)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def pause(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


@pytest.fixture(scope="session")
def new_server() -> Iterator[Callable[[], RedisServer]]:
    """Makes servers that are not started yet, and ends them with the session."""
    try:
        program = find_server()
    except ServerNotFound as error:
        pytest.fail(str(error)) if os.environ.get("CI") else pytest.skip(str(error))
    servers: list[RedisServer] = []
    # Not pytest's own directory: the path of a unix socket has about a hundred bytes.
    with tempfile.TemporaryDirectory(prefix="dmae", dir="/tmp") as folder:

        def make() -> RedisServer:
            home = Path(folder) / str(len(servers))
            home.mkdir()
            servers.append(RedisServer(program, home))
            return servers[-1]

        yield make
        for server in servers:
            server.kill()


@pytest.fixture(scope="session")
def running_server(new_server: Callable[[], RedisServer]) -> RedisServer:
    """A server that tests share; each empties it."""
    server = new_server()
    server.start()
    return server
