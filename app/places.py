"""A few places for what takes much memory, of which nobody may have all."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary


class Places:
    """Lets a few in at a time, and has each tenant stand in line for no more: others are soon next.

    Args:
        number: How many.
        most_each: Of each tenant, in or next in line, at least 1; where it is less than `number`,
            what is slow of one tenant's holds up no other's.
    """

    def __init__(self, number: int, *, most_each: int) -> None:
        self._most_each = most_each
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
