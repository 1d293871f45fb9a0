"""Progress on the terminal: a bar with an ETA, or a line now and then where it is none."""

import logging
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

logger = logging.getLogger(__name__)

LINE_EVERY_S = 20.0


class Reporter(Protocol):
    """Is told how far the work is."""

    def __call__(self, done: int, note: str) -> None:
        """`done` of the total is complete; the note is shown beside it."""


class StderrHandler(logging.StreamHandler[TextIO]):
    """Logs to what `sys.stderr` is at the time: while there is a bar, rich puts lines above it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a line."""
        self.setStream(sys.stderr)
        super().emit(record)


@contextmanager
def reporting(title: str, total: int, *, start: int = 0) -> Generator[Reporter]:
    """A reporter for `total` pieces of work, of which `start` were done before."""
    if sys.stderr.isatty():
        with _bar(title, total, start) as reporter:
            yield reporter
    else:
        yield _Lines(title, total, start)


@contextmanager
def _bar(title: str, total: int, start: int) -> Generator[Reporter]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    # The standard output has the command's answer alone, for a pipe or a file.
    with Progress(*columns, console=Console(stderr=True), redirect_stdout=False) as progress:
        task = progress.add_task(title, total=total, completed=start, note="")

        def report(done: int, note: str) -> None:
            progress.update(task, completed=done, note=note)

        yield report


class _Lines:
    def __init__(self, title: str, total: int, start: int) -> None:
        self._title, self._total, self._start = title, total, start
        self._began = self._last = time.monotonic()

    def __call__(self, done: int, note: str) -> None:
        now = time.monotonic()
        if now - self._last < LINE_EVERY_S and done < self._total:
            return
        self._last = now
        per_piece = (now - self._began) / max(1, done - self._start)
        remaining = per_piece * (self._total - done)
        left = timedelta(seconds=round(remaining))
        logger.info("%s %d/%d %s, %s left", self._title, done, self._total, note, left)
