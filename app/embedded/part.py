"""One part of the stack: a program with a log, as long as one process of it lives."""

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from app.embedded.lifeline import Lifeline

LONGEST_LOG = 32 * 1024 * 1024
TAIL_LINES, TAIL_BYTES = 8, 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A program of the stack.

    Attributes:
        name: For people: "worker", "web", "store".
        arguments: Command line.
        environment: All of it.
        directory: Working directory.
        log: File that gets the program's output.
        is_ready: Whether the process with this id does its work; asked several times a second.
        stop_s: Seconds to end in after SIGTERM, before it is killed.
    """

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    directory: Path
    log: Path
    is_ready: Callable[[int], Awaitable[bool]]
    stop_s: float


class Life:
    """One process of a part, from start to end. Made by `begin`."""

    def __init__(self, part: Part, process: asyncio.subprocess.Process, ties: Lifeline) -> None:
        self._part = part
        self._process = process
        self._ties = ties
        self._began = time.monotonic()

    @classmethod
    async def begin(cls, part: Part, ties: Lifeline) -> "Life":
        """Start the program, in a session of its own: Ctrl-C must reach the supervisor alone."""
        trim(part.log)
        with part.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *ties.command(part.arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(part.environment),
                cwd=part.directory,
                start_new_session=True,
            )
        ties.started(process.pid)
        return cls(part, process, ties)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def age_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._began

    @property
    def ended(self) -> bool:
        """Whether the process has ended and was waited for."""
        return self._process.returncode is not None

    async def end(self) -> int:
        """Wait for the end: the exit code, or minus the signal; leftovers of its session die."""
        code = await self._process.wait()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._ties.ended(self.pid)
        return code

    def terminate(self) -> None:
        """Ask the process to end."""
        with suppress(ProcessLookupError):
            self._process.terminate()

    def kill(self) -> None:
        """End the process and what it started."""
        if not self.ended:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)


def how_it_ended(code: int) -> str:
    """An exit code as asyncio gives it, in words."""
    if code >= 0:
        return f"exited with code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def last_lines(log: Path) -> list[str]:
    """The end of a log."""
    try:
        with log.open("rb") as file:
            file.seek(max(log.stat().st_size - TAIL_BYTES, 0))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    return [line for line in text.splitlines() if line.strip()][-TAIL_LINES:]


def trim(log: Path) -> None:
    """Move a long log aside. The program goes on writing: it appends, and the file is emptied.

    Where the disk is full, it stays as it is: that is no reason to end the stack.
    """
    with suppress(OSError):
        if log.stat().st_size > LONGEST_LOG:
            shutil.copyfile(log, log.with_suffix(".1.log"))
            os.truncate(log, 0)
