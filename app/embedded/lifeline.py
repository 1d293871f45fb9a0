"""No orphans: children that die with this process, even if it is killed with SIGKILL."""

import os
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

_TETHER = (sys.executable, "-I", "-S", str(Path(__file__).with_name("tether.py")))


class Lifeline(Protocol):
    """What ties children to this process."""

    def command(self, arguments: Sequence[str]) -> list[str]:
        """The command line that starts a program tied to this process."""
        ...

    def started(self, pid: int) -> None:
        """A child was started with `command`, as the leader of a session of its own."""
        ...

    def ended(self, pid: int) -> None:
        """The child has ended, and was waited for."""
        ...


class KernelLifeline:
    """The kernel kills the child (Linux). Start children from the main thread only."""

    def command(self, arguments: Sequence[str]) -> list[str]:
        """A command line that asks the kernel, and then becomes the program."""
        return [*_TETHER, "exec", str(os.getpid()), *arguments]

    def started(self, pid: int) -> None:
        """Nothing to do."""

    def ended(self, pid: int) -> None:
        """Nothing to do."""


class WatchedLifeline:
    """A small process at the other end of a pipe kills the children (any Unix)."""

    def __init__(self) -> None:
        reader, writer = os.pipe()
        self._watcher = subprocess.Popen(  # noqa: S603 - our own file
            [*_TETHER, "watch"], stdin=reader, start_new_session=True
        )
        os.close(reader)
        self._pipe = writer

    def command(self, arguments: Sequence[str]) -> list[str]:
        """The command line as it is."""
        return list(arguments)

    def started(self, pid: int) -> None:
        """Have a child killed when this process ends."""
        self._say(f"+{pid}\n")

    def ended(self, pid: int) -> None:
        """Leave its process id alone from now on; another process may get it."""
        self._say(f"-{pid}\n")

    def close(self) -> None:
        """Kill the children that are left, and the watcher."""
        os.close(self._pipe)
        self._watcher.wait()

    def _say(self, line: str) -> None:
        os.write(self._pipe, line.encode())


@contextmanager
def lifeline() -> Generator[Lifeline]:
    """The lifeline for this system."""
    if sys.platform == "linux":
        yield KernelLifeline()
        return
    watched = WatchedLifeline()
    try:
        yield watched
    finally:
        watched.close()
