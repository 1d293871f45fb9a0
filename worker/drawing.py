"""From a chunk's address to its committed votes."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock
from typing import Protocol

from jobs import ledger, store
from jobs.advance import shows_early
from jobs.errors import StoreUnavailable
from jobs.record import Chunk, JobSpec, ModelRef
from smoothing.certificate import Votes
from smoothing.sampler import Draws
from worker.advancing import Advancing, Machine
from worker.assignments import Assigned, Assignments
from worker.batcher import BatcherClosed
from worker.gate import Gate
from worker.patient import Patient, Runner

logger = logging.getLogger(__name__)


class Drawer(Protocol):
    """Makes draws; a `Batcher`."""

    def submit(self, model_id: str, draws: Draws) -> "Future[Votes]":
        """The votes to come."""
        ...


class Drawing:
    """Draws chunks; knows the store and the batcher, but neither Celery nor the models.

    Args:
        runner: The store.
        batcher: Makes the draws.
        problem: Why a model cannot be drawn from here, or None.
        send: Sends a chunk to the workers of a model; may raise, nothing is lost.
        machine: Who draws.
        window: Chunks of one job that may be under way, for a model.
        patience_s: For how long to try while Redis is away.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        *,
        runner: Runner,
        batcher: Drawer,
        problem: Callable[[ModelRef], str | None],
        send: Callable[[str, Chunk], None],
        machine: Machine,
        window: Callable[[str], int],
        patience_s: float = 30.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = Patient(runner, patience_s=patience_s)
        self._batcher = batcher
        self._problem = problem
        self._send = send
        self._worker = machine.instance
        self._window = window
        self._clock = clock
        self._gate = Gate()
        self._lock = Lock()
        self._at_work: set[Chunk] = set()
        self._abandoned: set[Chunk] = set()
        self.draws_begun = 0
        self.assignments = Assignments(runner.run)
        self._advancing = Advancing(
            store=self._store,
            machine=machine,
            window=window,
            send=self._send_all,
            ended=self.assignments.forget,
            clock=clock,
        )

    @property
    def idle(self) -> bool:
        """Whether no chunk is in hand."""
        with self._lock:
            return not self._at_work

    def admit(self, model_id: str) -> None:
        """Start queued jobs of a model, while there is room."""
        command = ledger.admit(model_id, window=self._window(model_id), now=self._clock())
        self._send_all(model_id, self._store.run(command))

    def revive(self, model_id: str) -> None:
        """Bring jobs of a model forward whose messages seem lost."""
        command = ledger.revive(model_id, window=self._window(model_id), now=self._clock())
        for stuck in self._store.run(command):
            logger.info("revived", extra={"job_id": stuck.job_id, "chunks": len(stuck.chunks)})
            if stuck.advance:
                self._advancing.advance(stuck.job_id)
            self._send_all(model_id, stuck.chunks)

    def draw(self, chunk: Chunk) -> None:
        """Draw a chunk and commit its votes, unless that is not wanted; any number of times.

        Raises:
            StoreUnavailable: Redis stayed away; reviving sends the chunk again.
        """
        with self._lock:
            self.draws_begun += 1
            if chunk in self._at_work:
                return
            self._at_work.add(chunk)
        try:
            with self._gate.together():
                suspect = self._draw(chunk, alone=False)
            if suspect:
                with self._gate.alone():
                    self._draw(chunk, alone=True)
        except StoreUnavailable:
            with self._lock:
                self._abandoned.add(chunk)
            raise
        finally:
            with self._lock:
                self._at_work.discard(chunk)

    def release_abandoned(self) -> None:
        """Give back the chunks that were given up while Redis was away."""
        with self._lock:
            abandoned = self._abandoned - self._at_work
        for chunk in abandoned:
            self._store.run(
                ledger.release(chunk, worker=self._worker, now=self._clock(), failed=False)
            )
            with self._lock:
                self._abandoned.discard(chunk)

    def _draw(self, chunk: Chunk, *, alone: bool) -> bool:
        """Whether the chunk must be drawn again, alone."""
        begun = self._store.persist(
            lambda: ledger.begin(chunk, worker=self._worker, now=self._clock(), alone=alone)
        )
        if begun.outcome == "granted":
            self._draw_granted(chunk)
        elif begun.outcome == "gone":
            self.assignments.forget(chunk.job_id)
        elif begun.complete:
            self._advancing.advance(chunk.job_id)
        return begun.outcome == "suspect"

    def _draw_granted(self, chunk: Chunk) -> None:
        assigned = self._store.until_back(lambda: self.assignments.get(chunk.job_id))
        if assigned is None:
            self._release(chunk, failed=False)
            return
        model = assigned.spec.model
        problem = self._problem(model)
        if problem is not None:
            # Left to others by reviving; only where nobody can draw it is the job lost.
            self._release(chunk, failed=False)
            if not self._somebody_holds(model):
                self._advancing.fail(chunk.job_id, "model_unavailable", problem)
            return
        try:
            votes = self._batcher.submit(model.id, _draws(assigned, chunk)).result()
        except BatcherClosed:
            self._release(chunk, failed=False)
            self._send_all(model.id, (chunk,))
            return
        except Exception:  # the edge of a task: counted against the chunk, never passed on
            logger.exception("chunk failed", extra={"job_id": chunk.job_id, "start": chunk.start})
            if not self._release(chunk, failed=True):
                self._send_all(model.id, (chunk,))
            return
        self._commit(assigned.spec, chunk, votes)

    def _somebody_holds(self, model: ModelRef) -> bool:
        return any(
            held.problem is None and held.weights_sha256 == model.weights_sha256
            for info in self._store.persist(store.workers)
            if info.state == "ready" and info.instance != self._worker
            for held in info.models
            if held.id == model.id
        )

    def _commit(self, spec: JobSpec, chunk: Chunk, votes: Votes) -> None:
        model_id = spec.model.id
        committed = self._store.persist(
            lambda: ledger.commit(
                chunk, votes, worker=self._worker, window=self._window(model_id), now=self._clock()
            )
        )
        if committed.outcome == "gone":
            self.assignments.forget(chunk.job_id)
        self._send_all(model_id, committed.following)
        if committed.complete:
            self._advancing.advance(spec.id)
        elif committed.outcome == "accepted" and shows_early(spec):
            self._advancing.show(spec.id)

    def _release(self, chunk: Chunk, *, failed: bool) -> bool:
        return self._store.persist(
            lambda: ledger.release(chunk, worker=self._worker, now=self._clock(), failed=failed)
        )

    def _send_all(self, model_id: str, chunks: tuple[Chunk, ...]) -> None:
        try:
            for chunk in chunks:
                self._send(model_id, chunk)
        except Exception as error:  # noqa: BLE001 - the broker is away; reviving sends them again
            logger.warning("chunks not sent", extra={"model": model_id, "reason": repr(error)})


def _draws(assigned: Assigned, chunk: Chunk) -> Draws:
    params = assigned.spec.params
    return Draws(
        image=assigned.image,
        sigma=params.sigma,
        key=assigned.job_key,
        phase=chunk.phase,
        start=chunk.start,
        stop=chunk.stop,
        numerics=params.numerics,
    )
