"""Operations on the store as values, and the two runners that carry them out."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Generic, Protocol, TypeVar

from redis.exceptions import (
    ConnectionError,  # noqa: A004
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TimeoutError,  # noqa: A004
)

from jobs.errors import StoreUnavailable

T = TypeVar("T")

Argument = str | bytes | int | float
"""What Redis takes as an argument. A float travels with all its digits."""

_AWAY = (ConnectionError, TimeoutError, ReadOnlyError)
_AWAY_CODES = ("BUSY ", "LOADING", "MISCONF", "NOREPLICAS")


PRELUDE = ("common", "lines", "books", "turns", "ends")
SOURCES = {
    file.name.removesuffix(".lua"): file.read_text() for file in (files("jobs") / "lua").iterdir()
}
"""By their names; read with the code that calls them, not when each is first asked for: after an
upgrade under a running process that would be another release's."""

EVEN_WHEN_FULL = "#!lua flags=allow-oom,allow-cross-slot-keys\n"
"""First line of a script that makes room, or must work, where Redis' memory is full."""


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script, with all that it shares with others before it: Redis scripts cannot import."""

    source: str
    sha1: str


@cache
def script(name: str, *parts: str, even_when_full: bool = False) -> Script:
    """The script in `jobs/lua/<name>.lua`.

    Args:
        name: Of the file.
        parts: Of other files that it needs, beyond the prelude.
        even_when_full: Whether it may write where Redis' memory is full.
    """
    source = "\n".join(SOURCES[part] for part in (*PRELUDE, *parts, name))
    if even_when_full:
        source = EVEN_WHEN_FULL + source
    return Script(source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(Generic[T]):
    """One operation: a script, or a plain Redis command, and how to read the answer.

    Scripts name their own keys (they follow queues from model to job), so they need one Redis, not
    a cluster. Every script may be run twice with the same arguments without harm, because a runner
    cannot know whether an operation that timed out was carried out.

    Attributes:
        call: The Lua script, or the name of a Redis command.
        args: Its arguments.
        parse: From Redis' answer (bytes, ints, lists) to the result; may raise a `JobsError`.
    """

    call: Script | str
    args: tuple[Argument, ...]
    parse: Callable[[Any], T]

    def by_digest(self) -> tuple[Argument, ...]:
        """What to send first."""
        if isinstance(self.call, str):
            return (self.call, *self.args)
        return ("EVALSHA", self.call.sha1, 0, *self.args)

    def by_source(self) -> tuple[Argument, ...]:
        """What to send when Redis does not know the script."""
        if isinstance(self.call, str):
            return (self.call, *self.args)
        return ("EVAL", self.call.source, 0, *self.args)


class SyncClient(Protocol):
    """What a `SyncRunner` needs of `redis.Redis`."""

    def execute_command(self, *args: Any) -> Any:
        """Redis' answer to one command."""


class AsyncClient(Protocol):
    """What an `AsyncRunner` needs of `redis.asyncio.Redis`, or of `Together`."""

    async def execute_command(self, *args: Any) -> Any:
        """Redis' answer to one command."""


def _unavailable(error: Exception) -> StoreUnavailable | None:
    """What an error of Redis' says of Redis; None for one that says something of the command."""
    if isinstance(error, OutOfMemoryError) or str(error).startswith("OOM"):
        return StoreUnavailable("Redis is full: it takes nothing new until there is room")
    if isinstance(error, _AWAY) or str(error).startswith(_AWAY_CODES):
        return StoreUnavailable(f"Redis is away: {type(error).__name__}")
    return None


class SyncRunner:
    """Carries commands out, blocking; for worker threads."""

    def __init__(self, client: SyncClient) -> None:
        self._client = client

    def run(self, command: Command[T]) -> T:
        """The command's result.

        Raises:
            StoreUnavailable: Redis is away; the command may or may not have been carried out.
        """
        try:
            try:
                answer = self._client.execute_command(*command.by_digest())
            except NoScriptError:
                answer = self._client.execute_command(*command.by_source())
        except (*_AWAY, ResponseError) as error:
            if unavailable := _unavailable(error):
                raise unavailable from error
            raise
        return command.parse(answer)


class AsyncRunner:
    """Carries commands out on the event loop; for the web process."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def run(self, command: Command[T]) -> T:
        """The command's result.

        Raises:
            StoreUnavailable: Redis is away; the command may or may not have been carried out.
        """
        try:
            try:
                answer = await self._client.execute_command(*command.by_digest())
            except NoScriptError:
                answer = await self._client.execute_command(*command.by_source())
        except (*_AWAY, ResponseError) as error:
            if unavailable := _unavailable(error):
                raise unavailable from error
            raise
        return command.parse(answer)
