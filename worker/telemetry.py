"""What a worker counts of itself, for its heartbeat."""

import math
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from time import monotonic

from smoothing.sampler import Draws
from smoothing.votes import Votes
from worker.batcher import BatchSampler

SETTLE_S = 10.0
"""Of full batches: after so long, two thirds of a speed are what was seen in that time."""

COUNTED = ("batches", "rows", "room", "failures", "forward_s")


class Counters:
    """How busy the device is, and how full its batches are; grows from the start of the process.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._counts: dict[str, float] = dict.fromkeys(COUNTED, 0.0)
        self._under_way = 0
        self._busy_since = 0.0
        self._ready_since: float | None = None

    def ready(self) -> None:
        """Begin to count the time in which batches could be under way."""
        with self._lock:
            self._ready_since = self._clock()

    def begin(self, *, rows: int, room: int) -> None:
        """A batch is given to the device.

        Args:
            rows: Draws in it.
            room: Draws that would have fitted.
        """
        with self._lock:
            self._counts["batches"] += 1
            self._counts["rows"] += rows
            self._counts["room"] += room
            if not self._under_way:
                self._busy_since = self._clock()
            self._under_way += 1

    def end(self, *, failed: bool) -> None:
        """A batch that was begun is off the device."""
        with self._lock:
            self._counts["failures"] += failed
            self._under_way -= 1
            if not self._under_way:
                self._counts["forward_s"] += self._clock() - self._busy_since

    def read(self) -> Mapping[str, float]:
        """All counts, what is under way included."""
        with self._lock:
            now = self._clock()
            counts = dict(self._counts)
            if self._under_way:
                counts["forward_s"] += now - self._busy_since
            if self._ready_since is not None:
                counts["ready_s"] = now - self._ready_since
        return counts


class Metered:
    """A sampler whose batches are counted, and timed when they are full.

    Args:
        sampler: What makes them.
        counters: What counts them.
        draws_per_s: As measured when nothing else was to be done.
        clock: Monotonic seconds.

    Attributes:
        draws_per_s: As of late, with all that takes time beside it: other models, other processes.
    """

    def __init__(
        self,
        sampler: BatchSampler,
        counters: Counters,
        *,
        draws_per_s: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._sampler = sampler
        self._counters = counters
        self._clock = clock
        self._ended_at = -math.inf
        self.draws_per_s = draws_per_s
        self.batch_size = sampler.batch_size
        self.depth = sampler.depth

    def start(self, slices: Sequence[Draws]) -> Callable[[], list[Votes]]:
        """Start one forward pass; the votes of each slice when called."""
        rows, began = sum(draws.num_draws for draws in slices), self._clock()
        self._counters.begin(rows=rows, room=self.batch_size)
        try:
            finish = self._sampler.start(slices)
        except BaseException:
            self._counters.end(failed=True)
            raise
        return lambda: self._end(finish, rows, began)

    def _end(self, finish: Callable[[], list[Votes]], rows: int, began: float) -> list[Votes]:
        try:
            votes = finish()
        except BaseException:
            self._counters.end(failed=True)
            raise
        self._counters.end(failed=False)
        self._time(rows, began)
        return votes

    def _time(self, rows: int, began: float) -> None:
        """Batches overlap: one takes as long as it is alone at the front."""
        now = self._clock()
        took = now - max(began, self._ended_at)
        self._ended_at = now
        if rows == self.batch_size and took > 0:
            share = -math.expm1(-took / SETTLE_S)
            self.draws_per_s += share * (rows / took - self.draws_per_s)
