"""From a chunk's address to its committed votes, and from complete votes to what comes next."""

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Lock
from typing import Protocol, TypeVar

from jobs import ledger, store
from jobs.advance import advance
from jobs.command import Command
from jobs.document import Making, certificate_document
from jobs.errors import StoreUnavailable
from jobs.keys import commitment
from jobs.outcomes import Snapshot
from jobs.record import Chunk, ModelRef
from smoothing.certificate import Certificate, Votes
from smoothing.errors import SmoothingError
from smoothing.noise import NOISE_SCHEME
from smoothing.sampler import Draws
from worker.assignments import Assignments
from worker.batcher import BatcherClosed
from worker.gate import Gate

logger = logging.getLogger(__name__)
T = TypeVar("T")
RETRY_S = 0.5


class Runner(Protocol):
    """Carries out a command on the store."""

    def run(self, command: Command[T]) -> T:
        """The command's result."""
        ...


class Drawer(Protocol):
    """Makes draws; a `Batcher`."""

    def submit(self, model_id: str, draws: Draws) -> "Future[Votes]":
        """The votes to come."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What a certificate says of the process that made it."""

    instance: str
    runtime: str
    versions: Mapping[str, str]


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
        self._runner = runner
        self._batcher = batcher
        self._problem = problem
        self._send = send
        self._machine = machine
        self._window = window
        self._patience_s = patience_s
        self._clock = clock
        self._gate = Gate()
        self._lock = Lock()
        self._at_work: set[Chunk] = set()
        self._abandoned: set[Chunk] = set()
        self.draws_begun = 0
        self.assignments = Assignments(runner.run)

    @property
    def idle(self) -> bool:
        """Whether no chunk is in hand."""
        with self._lock:
            return not self._at_work

    def admit(self, model_id: str) -> None:
        """Start queued jobs of a model, while there is room."""
        command = ledger.admit(model_id, window=self._window(model_id), now=self._clock())
        self._send_all(model_id, self._runner.run(command))

    def revive(self, model_id: str) -> None:
        """Bring jobs of a model forward whose messages seem lost."""
        command = ledger.revive(model_id, window=self._window(model_id), now=self._clock())
        for stuck in self._runner.run(command):
            logger.info("revived", extra={"job_id": stuck.job_id, "chunks": len(stuck.chunks)})
            if stuck.advance:
                self.advance(stuck.job_id)
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
        worker = self._machine.instance
        for chunk in abandoned:
            self._runner.run(ledger.release(chunk, worker=worker, now=self._clock(), failed=False))
            with self._lock:
                self._abandoned.discard(chunk)

    def advance(self, job_id: str) -> None:
        """Give a job its next request or its certificate, if its present request is complete."""
        snapshot = self._persist(lambda: ledger.snapshot(job_id))
        if snapshot is None or not snapshot.complete:
            return
        try:
            following, planned = advance(snapshot)
        except SmoothingError as error:
            logger.exception("votes make no sense", extra={"job_id": job_id})
            self._fail(job_id, "inconsistent_votes", f"the votes make no sense: {error}")
            return
        if isinstance(following, Certificate):
            self._finish(snapshot, following)
            return
        model_id = snapshot.spec.model.id
        chunks = self._persist(
            lambda: ledger.extend(
                job_id,
                step=snapshot.step,
                request=following,
                planned=planned,
                window=self._window(model_id),
                now=self._clock(),
            )
        )
        self._send_all(model_id, chunks or ())

    def _draw(self, chunk: Chunk, *, alone: bool) -> bool:
        """Whether the chunk must be drawn again, alone."""
        worker = self._machine.instance
        begun = self._persist(
            lambda: ledger.begin(chunk, worker=worker, now=self._clock(), alone=alone)
        )
        if begun.outcome == "granted":
            self._draw_granted(chunk)
        elif begun.outcome == "gone":
            self.assignments.forget(chunk.job_id)
        elif begun.complete:
            self.advance(chunk.job_id)
        return begun.outcome == "suspect"

    def _draw_granted(self, chunk: Chunk) -> None:
        assigned = self._patiently(lambda: self.assignments.get(chunk.job_id))
        if assigned is None:
            self._release(chunk, failed=False)
            return
        model = assigned.spec.model
        problem = self._problem(model)
        if problem is not None:
            # Left to others by reviving; only where nobody can draw it is the job lost.
            self._release(chunk, failed=False)
            if not self._somebody_holds(model):
                self._fail(chunk.job_id, "model_unavailable", problem)
            return
        draws = Draws(
            image=assigned.image,
            sigma=assigned.spec.params.sigma,
            key=assigned.job_key,
            phase=chunk.phase,
            start=chunk.start,
            stop=chunk.stop,
            numerics=assigned.spec.params.numerics,
        )
        try:
            votes = self._batcher.submit(model.id, draws).result()
        except BatcherClosed:
            self._release(chunk, failed=False)
            self._send_all(model.id, (chunk,))
            return
        except Exception:  # the edge of a task: counted against the chunk, never passed on
            logger.exception("chunk failed", extra={"job_id": chunk.job_id, "start": chunk.start})
            if not self._release(chunk, failed=True):
                self._send_all(model.id, (chunk,))
            return
        self._commit(model.id, chunk, votes)

    def _somebody_holds(self, model: ModelRef) -> bool:
        return any(
            held.problem is None and held.weights_sha256 == model.weights_sha256
            for info in self._persist(store.workers)
            if info.state == "ready" and info.instance != self._machine.instance
            for held in info.models
            if held.id == model.id
        )

    def _commit(self, model_id: str, chunk: Chunk, votes: Votes) -> None:
        worker = self._machine.instance
        committed = self._persist(
            lambda: ledger.commit(
                chunk, votes, worker=worker, window=self._window(model_id), now=self._clock()
            )
        )
        if committed.outcome == "gone":
            self.assignments.forget(chunk.job_id)
        self._send_all(model_id, committed.following)
        if committed.complete:
            self.advance(chunk.job_id)

    def _finish(self, snapshot: Snapshot, certificate: Certificate) -> None:
        now = self._clock()
        making = Making(
            key_commitment=commitment(snapshot.job_key),
            noise_scheme=NOISE_SCHEME,
            runtime=self._machine.runtime,
            versions=self._machine.versions,
            started_at=snapshot.started_at,
            finished_at=now,
        )
        document = certificate_document(snapshot.spec, certificate, making)
        job_id = snapshot.spec.id
        if self._persist(
            lambda: ledger.finish(job_id, step=snapshot.step, document=document, now=now)
        ):
            logger.info("certified", extra={"job_id": job_id, "radius": certificate.radius})
        self.assignments.forget(job_id)

    def _fail(self, job_id: str, code: str, message: str) -> None:
        self._persist(lambda: ledger.fail(job_id, code=code, message=message, now=self._clock()))
        self.assignments.forget(job_id)

    def _release(self, chunk: Chunk, *, failed: bool) -> bool:
        worker = self._machine.instance
        return self._persist(
            lambda: ledger.release(chunk, worker=worker, now=self._clock(), failed=failed)
        )

    def _send_all(self, model_id: str, chunks: tuple[Chunk, ...]) -> None:
        try:
            for chunk in chunks:
                self._send(model_id, chunk)
        except Exception as error:  # noqa: BLE001 - the broker is away; reviving sends them again
            logger.warning("chunks not sent", extra={"model": model_id, "reason": repr(error)})

    def _persist(self, command: Callable[[], Command[T]]) -> T:
        return self._patiently(lambda: self._runner.run(command()))

    def _patiently(self, operation: Callable[[], T]) -> T:
        """The operation's result, also if Redis is away for a while."""
        give_up_at = time.monotonic() + self._patience_s
        while True:
            try:
                return operation()
            except StoreUnavailable:
                if time.monotonic() + RETRY_S > give_up_at:
                    raise
                time.sleep(RETRY_S)
