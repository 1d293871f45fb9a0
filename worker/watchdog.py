"""Ends a process that lives but does no good, so that its supervisor starts another."""

import faulthandler
import logging
import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path
from time import monotonic

logger = logging.getLogger(__name__)

EXIT_USELESS = 70
"""Exit status: EX_SOFTWARE, told apart from a crash."""

DEAF_S = 60.0
"""The consumer is deaf when messages wait for so long while nothing is drawn."""

LONGEST_LOAD_S = 900.0
"""For one model: what compiles it and measures its settings may take minutes."""

SHORTEST_LEASH_S = 30.0
"""A look at the device may wait for Redis, which may be away."""


def end_process(reason: str) -> None:
    """End now, without waiting for threads that may hang; chunks in hand go to others."""
    logger.critical("ending the process", extra={"reason": reason})
    os._exit(EXIT_USELESS)


def end_unless_fed(seconds: float) -> None:
    """End the process, with the traces of its threads, unless called again within some seconds.

    What waits is no Python thread: it sees even a call into a library that never gives the
    interpreter back, which stops every other watchdog too.
    """
    faulthandler.dump_traceback_later(max(seconds, SHORTEST_LEASH_S), exit=True)


class Watchdog:
    """Looks for two ways to be useless: a stuck device, and a consumer that hears nothing.

    Args:
        busy_s: Seconds that the batch on the device has taken.
        stuck_s: After so many the device is stuck.
        end: Ends the process.
        feed: Told before the models are loaded, and at each look at the device, within how many
            seconds the next look will come.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        *,
        busy_s: Callable[[], float],
        stuck_s: float,
        end: Callable[[str], None] = end_process,
        feed: Callable[[float], None] = lambda _: None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._busy_s = busy_s
        self._stuck_s = stuck_s
        self._end = end
        self._feed = feed
        self._clock = clock
        self._draws_begun = -1
        self._heard_at = clock()

    def watch_loading(self, num_models: int) -> None:
        """Models are loaded from now on; the first look at the device comes after that."""
        self._feed(LONGEST_LOAD_S * num_models)

    def watch_device(self) -> None:
        """Look at the batch on the device."""
        self._feed(self._stuck_s)
        busy_s = self._busy_s()
        if busy_s > self._stuck_s:
            self._end(f"one batch has taken {busy_s:.0f} s")

    def excuse_consumer(self) -> None:
        """Redis is away: what waits there can be heard of by nobody."""
        self._heard_at = self._clock()

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
        if silent_s > DEAF_S:
            self._end(f"{messages_waiting} chunks wait, none came in {silent_s:.0f} s")


def resident_mib() -> float:
    """What this process holds in memory, in MiB; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0.0
    return pages * resource.getpagesize() / 2**20


def ask_to_end() -> None:
    """End as an operator would have it: chunks in hand are finished first."""
    os.kill(os.getpid(), signal.SIGTERM)


class MemoryLimit:
    """Has a process that grew too large end in good order, so that its supervisor starts another.

    Args:
        limit_mib: What it may hold in memory, in MiB; None for any amount.
        resident_mib: What it holds.
        end: Asks it to end, once.
    """

    def __init__(
        self,
        limit_mib: int | None,
        *,
        resident_mib: Callable[[], float] = resident_mib,
        end: Callable[[], None] = ask_to_end,
    ) -> None:
        self._limit_mib = limit_mib
        self._resident_mib = resident_mib
        self._end = end

    def look(self) -> None:
        """Compare what the process holds with what it may."""
        if self._limit_mib is None:
            return
        resident = self._resident_mib()
        if resident > self._limit_mib:
            logger.warning("too large", extra={"mib": round(resident), "limit": self._limit_mib})
            self._limit_mib = None
            self._end()
