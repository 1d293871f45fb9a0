"""The job store, answered within a second or not at all."""

import asyncio
import time
from typing import TypeVar

from app.telemetry.metrics import observe_store
from jobs.command import AsyncRunner, Command
from jobs.errors import StoreUnavailable

PATIENCE_S = 1.0

T = TypeVar("T")


class PromptRunner:
    """Carries commands out, and gives up on a Redis that neither answers nor refuses.

    The one limit for connecting, greeting, asking and trying again, since a client waits for all of
    them together.
    """

    def __init__(self, runner: AsyncRunner) -> None:
        self._runner = runner

    async def run(self, command: Command[T]) -> T:
        """The command's result.

        Raises:
            StoreUnavailable: Redis is away, or hangs.
        """
        began = time.perf_counter()
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._runner.run(command)
        except TimeoutError as error:
            raise StoreUnavailable(f"Redis did not answer within {PATIENCE_S:g} s") from error
        finally:
            observe_store(time.perf_counter() - began)
