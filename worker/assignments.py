"""What this process needs to know of the jobs it draws for; kept for moments only."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs import ledger
from jobs.command import Command
from jobs.outcomes import Assignment
from jobs.record import Chunk, JobSpec
from smoothing.sampler import Draws

IDLE_S = 60.0
"""An image that nothing was drawn from for so long is forgotten: its job may have been deleted."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Assigned:
    """A job with its image as an array.

    Attributes:
        spec: What was asked.
        job_key: 32 secret bytes.
        image: Shape (channels, height, width), values in [0, 1].
    """

    spec: JobSpec
    job_key: bytes
    image: NDArray[np.float32]

    def draws(self, chunk: Chunk) -> Draws:
        """The draws of a chunk of this job."""
        return Draws(
            image=self.image,
            sigma=self.spec.params.sigma,
            key=self.job_key,
            phase=chunk.phase,
            start=chunk.start,
            stop=chunk.stop,
            numerics=self.spec.params.numerics,
        )


class Assignments:
    """Reads each job once for all of its chunks.

    Args:
        run: Carries out a command on the store.
        clock: Monotonic seconds.
    """

    def __init__(
        self, run: Callable[[Command[Any]], Any], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._run = run
        self._clock = clock
        self._lock = Lock()
        self._known: dict[str, tuple[float, Assigned]] = {}

    def get(self, job_id: str) -> Assigned | None:
        """The job, or None when it runs no more.

        Raises:
            StoreUnavailable: Redis is away.
        """
        with self._lock:
            known = self._known.get(job_id)
        assigned = known[1] if known else self._read(job_id)
        if assigned is not None:
            with self._lock:
                self._known[job_id] = self._clock(), assigned
        return assigned

    def forget(self, job_id: str) -> None:
        """Drop a job that ended."""
        with self._lock:
            self._known.pop(job_id, None)

    def forget_idle(self) -> None:
        """Drop the jobs that nothing was drawn for lately."""
        oldest = self._clock() - IDLE_S
        with self._lock:
            self._known = {name: it for name, it in self._known.items() if it[0] >= oldest}

    def _read(self, job_id: str) -> Assigned | None:
        found: Assignment | None = self._run(ledger.load(job_id))
        if found is None:
            return None
        image = np.frombuffer(found.tensor, dtype="<f4").reshape(found.spec.image.shape)
        return Assigned(
            spec=found.spec, job_key=found.job_key, image=image.astype(np.float32, copy=False)
        )
