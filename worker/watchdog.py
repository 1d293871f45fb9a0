"""Ends a process that lives but does no good, so that its supervisor starts another."""

import logging
import os
from collections.abc import Callable
from time import monotonic

logger = logging.getLogger(__name__)

EXIT_USELESS = 70
"""Exit status: EX_SOFTWARE, told apart from a crash."""


def end_process(reason: str) -> None:
    """End now, without waiting for threads that may hang; chunks in hand go to others."""
    logger.critical("ending the process", extra={"reason": reason})
    os._exit(EXIT_USELESS)


class Watchdog:
    """Looks for two ways to be useless: a stuck device, and a consumer that hears nothing.

    Args:
        busy_s: Seconds that the batch on the device has taken.
        stuck_s: After so many the device is stuck.
        deaf_s: The consumer is deaf when messages wait for so long while nothing is drawn.
        end: Ends the process.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        *,
        busy_s: Callable[[], float],
        stuck_s: float,
        deaf_s: float = 60.0,
        end: Callable[[str], None] = end_process,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._busy_s = busy_s
        self._stuck_s = stuck_s
        self._deaf_s = deaf_s
        self._end = end
        self._clock = clock
        self._draws_begun = -1
        self._heard_at = clock()

    def watch_device(self) -> None:
        """Look at the batch on the device."""
        busy_s = self._busy_s()
        if busy_s > self._stuck_s:
            self._end(f"one batch has taken {busy_s:.0f} s")

    def watch_consumer(self, *, messages_waiting: int, draws_begun: int) -> None:
        """Look at the queue.

        Args:
            messages_waiting: Chunks that nobody took yet.
            draws_begun: Chunks that this process was given since it started.
        """
        if not messages_waiting or draws_begun != self._draws_begun:
            self._draws_begun = draws_begun
            self._heard_at = self._clock()
        silent_s = self._clock() - self._heard_at
        if silent_s > self._deaf_s:
            self._end(f"{messages_waiting} chunks wait, none came in {silent_s:.0f} s")
