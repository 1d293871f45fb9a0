"""Shows what the parts write to their logs, as they write it."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

INTERVAL_S = 0.2


class Follower:
    """Reads the new lines of one log.

    Args:
        name: Put before each line.
        log: File that is appended to; it need not exist yet.
    """

    def __init__(self, name: str, log: Path) -> None:
        self._name = name
        self._log = log
        self._rest = b""
        self._position = 0
        with suppress(FileNotFoundError):
            self._position = log.stat().st_size

    def new_lines(self) -> list[str]:
        """Complete lines that were written since the last call."""
        try:
            size = self._log.stat().st_size
            with self._log.open("rb") as file:
                # The log was emptied because it had grown too long.
                file.seek(self._position if size >= self._position else 0)
                new = file.read()
                self._position = file.tell()
        except FileNotFoundError:
            return []
        *lines, self._rest = (self._rest + new).split(b"\n")
        return [f"[{self._name}] {line.decode(errors='replace')}" for line in lines]


async def follow(logs: Mapping[str, Path], report: Callable[[str], None]) -> None:
    """Report new lines of logs until cancelled.

    Args:
        logs: Name of a part -> its log.
        report: Told each line.
    """
    followers = [Follower(name, log) for name, log in logs.items()]
    try:
        while True:
            _report_all(followers, report)
            await asyncio.sleep(INTERVAL_S)
    finally:
        _report_all(followers, report)


def _report_all(followers: list[Follower], report: Callable[[str], None]) -> None:
    for follower in followers:
        for line in follower.new_lines():
            report(line)
