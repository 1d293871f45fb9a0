"""From a chunk's address to its committed votes."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from threading import Lock
from typing import Protocol

from jobs import ledger, store
from jobs.advance import shows_early, worth_showing
from jobs.errors import StoreUnavailable
from jobs.logs import also_concerns, concerning
from jobs.record import Chunk, JobSpec, Maker, ModelRef
from jobs.spans import NOT_TRACED, Tracing
from smoothing.sampler import Draws
from smoothing.votes import Votes
from worker.advancing import Advancing, Following, Machine
from worker.assignments import Assigned, Assignments
from worker.batcher import BatcherClosed
from worker.gate import Gate
from worker.patient import Patient, Runner

logger = logging.getLogger(__name__)

TURN_S = 2.0
"""A thread stays with one job for no longer than this, well under the time after which the message
that it was given would go to another worker."""


class Drawer(Protocol):
    """Makes draws; a `Batcher`."""

    def submit(self, model_id: str, draws: Draws) -> "Future[Votes]":
        """The votes to come."""
        ...


@dataclass(frozen=True, slots=True)
class _Turn:
    """A chunk in the hands of a thread, which may go on until some time; monotonic seconds."""

    chunk: Chunk
    ends_at: float
    alone: bool = False


class Drawing:
    """Draws chunks; knows the store and the batcher, but neither Celery nor the models.

    Args:
        runner: The store.
        batcher: Makes the draws.
        problem: Why a model cannot be drawn from here, or None.
        maker: What makes the votes of a job here.
        send: Sends a chunk to the workers of a model; may raise, nothing is lost.
        machine: Who draws.
        window: Chunks of one job that may be under way, for a model.
        tracing: Spans of chunks and certificates.
        patience_s: For how long to try while Redis is away.
    """

    def __init__(
        self,
        *,
        runner: Runner,
        batcher: Drawer,
        problem: Callable[[ModelRef], str | None],
        maker: Callable[[JobSpec], Maker],
        send: Callable[[str, Chunk], None],
        machine: Machine,
        window: Callable[[str], int],
        tracing: Tracing = NOT_TRACED,
        patience_s: float = 30.0,
    ) -> None:
        self._store = Patient(runner, patience_s=patience_s)
        self._batcher = batcher
        self._problem = problem
        self._maker = maker
        self._send = send
        self._worker = machine.instance
        self._window = window
        self._tracing = tracing
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
            ended=self.assignments.forget,
            tracing=tracing,
        )

    @property
    def idle(self) -> bool:
        """Whether no chunk is in hand."""
        with self._lock:
            return not self._at_work

    def admit(self, model_id: str) -> None:
        """Start queued jobs of a model, while there is room."""
        command = ledger.admit(model_id, window=self._window(model_id), now=time.time())
        self._send_all(model_id, self._store.run(command))

    def revive(self, model_id: str) -> None:
        """Bring jobs of a model forward whose messages seem lost."""
        command = ledger.revive(model_id, window=self._window(model_id), now=time.time())
        for stuck in self._store.run(command):
            logger.info("revived", extra={"job_id": stuck.job_id, "chunks": len(stuck.chunks)})
            following = self._advancing.advance(stuck.job_id) if stuck.advance else None
            self._send_all(model_id, (following.chunks if following else ()) + stuck.chunks)

    def draw(self, chunk: Chunk) -> None:
        """Draw a chunk and commit its votes, unless that is not wanted; any number of times.

        If they complete a request and no message waits for a thread, the next request is begun here
        and now, without a way through the queue: a procedure that looks often so loses no time
        between its looks.

        Raises:
            StoreUnavailable: Redis stayed away; reviving sends the chunk again.
        """
        with self._lock:
            self.draws_begun += 1
        turn: _Turn | None = _Turn(chunk, ends_at=time.monotonic() + TURN_S)
        while turn is not None:
            turn = self._take(turn)

    def _take(self, turn: _Turn) -> _Turn | None:
        """Draw a chunk; what to draw next in this thread, if anything."""
        with self._lock:
            if turn.chunk in self._at_work:
                return None
            self._at_work.add(turn.chunk)
        try:
            with (
                concerning(job_id=turn.chunk.job_id),
                self._gate.alone() if turn.alone else self._gate.together(),
            ):
                return self._draw(turn)
        except StoreUnavailable:
            with self._lock:
                self._abandoned.add(turn.chunk)
            raise
        finally:
            with self._lock:
                self._at_work.discard(turn.chunk)

    def release_abandoned(self) -> None:
        """Give back the chunks that were given up while Redis was away."""
        with self._lock:
            abandoned = self._abandoned - self._at_work
        for chunk in abandoned:
            self._store.run(
                ledger.release(chunk, worker=self._worker, now=time.time(), failed=False)
            )
            with self._lock:
                self._abandoned.discard(chunk)

    def give_back(self) -> None:
        """Give back the chunks in hand and send them to others, since this process ends now.

        Raises:
            StoreUnavailable: Redis is away; reviving sends them, once this worker is dead.
        """
        with self._lock:
            chunks = tuple(self._at_work)
        for chunk in chunks:
            self._store.run(
                ledger.release(chunk, worker=self._worker, now=time.time(), failed=False)
            )
            assigned = self.assignments.get(chunk.job_id)
            if assigned is not None:
                self._send_all(assigned.spec.model.id, (chunk,))

    def _draw(self, turn: _Turn) -> _Turn | None:
        chunk, following = turn.chunk, None
        begun = self._store.persist(
            lambda: ledger.begin(chunk, worker=self._worker, now=time.time(), alone=turn.alone)
        )
        if begun.outcome == "suspect":
            return replace(turn, alone=True)
        if begun.outcome == "granted":
            following = self._draw_granted(chunk)
        elif begun.outcome == "gone":
            self.assignments.forget(chunk.job_id)
        elif begun.complete:
            following = self._advancing.advance(chunk.job_id)
        return None if following is None else self._keep_one(turn, following)

    def _keep_one(self, turn: _Turn, following: Following) -> _Turn | None:
        """Send a new request's chunks, but for one if this thread is free to take it on."""
        kept = int(time.monotonic() < turn.ends_at and self._nobody_waits(following.model_id))
        self._send_all(following.model_id, following.chunks[kept:])
        return replace(turn, chunk=following.chunks[0], alone=False) if kept else None

    def _nobody_waits(self, model_id: str) -> bool:
        try:
            return self._store.run(ledger.waiting(model_id)) == 0
        except StoreUnavailable:
            return False

    def _draw_granted(self, chunk: Chunk) -> Following | None:
        assigned = self._store.until_back(lambda: self.assignments.get(chunk.job_id))
        if assigned is None:
            self._release(chunk, failed=False)
            return None
        spec = assigned.spec
        also_concerns(request_id=spec.request_id)
        with self._tracing.span("draw chunk", spec.traceparent, job_id=spec.id, **_place(chunk)):
            return self._draw_assigned(assigned, chunk)

    def _draw_assigned(self, assigned: Assigned, chunk: Chunk) -> Following | None:
        model = assigned.spec.model
        problem = self._problem(model)
        if problem is not None:
            # Left to others by reviving; only where nobody can draw it is the job lost.
            self._release(chunk, failed=False)
            if not self._somebody_holds(model):
                self._advancing.fail(chunk.job_id, "model_unavailable", problem)
            return None
        try:
            votes = self._batcher.submit(model.id, assigned.draws(chunk)).result()
        except BatcherClosed:
            self._release(chunk, failed=False)
            self._send_all(model.id, (chunk,))
            return None
        except Exception:  # the edge of a task: counted against the chunk, never passed on
            logger.exception("chunk failed", extra=_place(chunk))
            if not self._release(chunk, failed=True):
                self._send_all(model.id, (chunk,))
            return None
        return self._commit(assigned.spec, chunk, votes)

    def _somebody_holds(self, model: ModelRef) -> bool:
        """Whether another worker can draw from a model, or may once it has started."""
        return any(
            info.state == "starting"
            or (
                held.problem is None
                and held.weights_sha256 == model.weights_sha256
                and held.function_sha256 in (model.function_sha256, None)
            )
            for info in self._store.persist(store.workers)
            if info.instance != self._worker
            for held in info.models
            if held.id == model.id
        )

    def _commit(self, spec: JobSpec, chunk: Chunk, votes: Votes) -> Following | None:
        model_id, maker = spec.model.id, self._maker(spec)
        committed = self._store.persist(
            lambda: ledger.commit(
                chunk,
                votes,
                maker=maker,
                worker=self._worker,
                window=self._window(model_id),
                now=time.time(),
            )
        )
        logger.debug("chunk drawn", extra={**_place(chunk), "outcome": committed.outcome})
        if committed.outcome == "gone":
            self.assignments.forget(chunk.job_id)
        self._send_all(model_id, committed.following)
        if committed.complete:
            return self._advancing.advance(spec.id)
        if (
            committed.outcome == "accepted"
            and shows_early(spec)
            and worth_showing(committed.drawn, votes.total)
        ):
            self._advancing.show(spec.id)
        return None

    def _release(self, chunk: Chunk, *, failed: bool) -> bool:
        return self._store.persist(
            lambda: ledger.release(chunk, worker=self._worker, now=time.time(), failed=failed)
        )

    def _send_all(self, model_id: str, chunks: tuple[Chunk, ...]) -> None:
        try:
            for chunk in chunks:
                self._send(model_id, chunk)
        except Exception as error:  # noqa: BLE001 - the broker is away; reviving sends them again
            logger.warning("chunks not sent", extra={"model": model_id, "reason": repr(error)})


def _place(chunk: Chunk) -> dict[str, str | int]:
    return {"phase": chunk.phase.value, "start": chunk.start, "stop": chunk.stop}
