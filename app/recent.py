"""Answers of the store, used again for a moment, and asked for once however many wait for them."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

FRESH_S = 1.0
"""How long an answer is used again; a revoked key is dead after that."""

MOST_REMEMBERED = 10_000

T = TypeVar("T")


class Recent(Generic[T]):
    """What the store said of each name. What is not there, `None`, is asked for each time.

    Args:
        clock: Seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: dict[str, tuple[float, T]] = {}
        self._asking: dict[str, asyncio.Task[T]] = {}

    async def get(self, name: str, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The answer for a name, asked for unless it is known or on its way.

        Whoever stops waiting leaves the question to the others; what it raises reaches them all.

        Args:
            name: Of what is asked for.
            ask: How, if need be.
        """
        now, known = self._clock(), self._known.get(name)
        if known is not None and now - known[0] < FRESH_S:
            return known[1]
        asking = self._asking.get(name)
        if asking is None:
            asking = self._asking[name] = asyncio.create_task(self._ask(name, ask, now))
            asking.add_done_callback(_seen)
        return await asyncio.shield(asking)

    async def _ask(self, name: str, ask: Callable[[], Coroutine[Any, Any, T]], now: float) -> T:
        try:
            answer = await ask()
        finally:
            del self._asking[name]
        if answer is not None:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[name] = (now, answer)
        return answer


def _seen(asked: "asyncio.Task[Any]") -> None:
    """Let asyncio not complain of a failure for which nobody waited any more."""
    if not asked.cancelled():
        asked.exception()
