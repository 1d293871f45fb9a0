"""A few places for what takes much memory, of which nobody may have all."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary


class Places:
    """Lets a few in at a time, and of each tenant one fewer: its slow uploads hold up no other's.

    Args:
        number: How many, at least 2.
    """

    def __init__(self, number: int) -> None:
        self._most_each = number - 1
        self._all = asyncio.Semaphore(number)
        self._each: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def one(self, tenant: str) -> AsyncGenerator[None]:
        """Waits for a place, which is free again after the block.

        Args:
            tenant: Whose it is.
        """
        each = self._each.get(tenant)
        if each is None:
            each = self._each[tenant] = asyncio.Semaphore(self._most_each)
        async with each, self._all:
            yield
