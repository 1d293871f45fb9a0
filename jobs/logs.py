"""The log of a process: one JSON object a line, which says what request or job it concerns."""

import json
import logging
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
_ENCODER = json.JSONEncoder(default=str)
_NOTHING: Mapping[str, str] = {}
_concerned: ContextVar[Mapping[str, str]] = ContextVar("concerned", default=_NOTHING)


def begin_concern(**names: str | None) -> None:
    """Says what this task is about from now on, and nothing else: names for each of its lines."""
    _concerned.set(_known(names))


def also_concerns(**names: str | None) -> None:
    """Adds names to what this task is about; those that are None are not known, and left out."""
    if known := _known(names):
        _concerned.set({**_concerned.get(), **known})


def _known(names: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in names.items() if value is not None}


@contextmanager
def concerning(**names: str | None) -> Generator[None]:
    """Adds names to what this task or thread is about, for a while."""
    before = _concerned.get()
    also_concerns(**names)
    try:
        yield
    finally:
        _concerned.set(before)


class JsonLines(logging.Formatter):
    """Formats a record as JSON: its message, its `extra` values, and what it concerns."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON, without line breaks within."""
        line: dict[str, object] = {
            "time": _time(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_concerned.get(),
            **{key: value for key, value in vars(record).items() if key not in _STANDARD},
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _ENCODER.encode(line)


def _time(seconds: float) -> str:
    """As ISO 8601 has it, in UTC, to the millisecond."""
    whole = int(seconds)
    return f"{_second(whole)}.{int(1000 * (seconds - whole)):03d}+00:00"


@lru_cache(maxsize=2)
def _second(whole: int) -> str:
    return datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def configure_logging(level: str) -> None:
    """Sends every logger of the process through one handler, to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # What no line tells need not be found out; see "Optimization" in the logging documentation.
    logging._srcfile = None  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - documented
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
