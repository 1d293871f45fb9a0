"""From committed votes to what comes of them: more draws, a certificate, or one on the way."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jobs import ledger
from jobs.advance import advance, interim
from jobs.document import Making, certificate_document
from jobs.keys import commitment
from jobs.outcomes import Snapshot
from jobs.record import Chunk
from jobs.spans import Tracing
from smoothing.certificate import Certificate
from smoothing.errors import SmoothingError
from smoothing.procedures import DrawMore
from worker.patient import Patient

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What a certificate says of the process that made it."""

    instance: str
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """The first chunks of a new request, at least one, which nobody was sent yet."""

    model_id: str
    chunks: tuple[Chunk, ...]


class Advancing:
    """Asks a job's procedure what its votes lead to, and has the store do it, once.

    Args:
        store: The store.
        machine: Who makes the certificates.
        window: Chunks of one job that may be under way, for a model.
        ended: Told of each job that ends here.
        tracing: Spans of certificates.
    """

    def __init__(
        self,
        *,
        store: Patient,
        machine: Machine,
        window: Callable[[str], int],
        ended: Callable[[str], None],
        tracing: Tracing,
    ) -> None:
        self._store = store
        self._machine = machine
        self._window = window
        self._ended = ended
        self._tracing = tracing

    def advance(self, job_id: str) -> Following | None:
        """Give a job its next request or its certificate, if its present request is complete.

        Returns:
            What to draw next; None where there is nothing, or another worker was first.

        Raises:
            StoreUnavailable: Redis stayed away.
        """
        snapshot = self._store.persist(lambda: ledger.snapshot(job_id))
        if snapshot is None or not snapshot.complete:
            return None
        try:
            following, planned = advance(snapshot)
        except SmoothingError as error:
            logger.exception("votes make no sense", extra={"job_id": job_id})
            self.fail(job_id, "inconsistent_votes", f"the votes make no sense: {error}")
            return None
        if isinstance(following, Certificate):
            with self._tracing.span("certificate", snapshot.spec.traceparent, job_id=job_id):
                self._finish(snapshot, following)
            return None
        return self._extend(snapshot, following, planned)

    def show(self, job_id: str) -> None:
        """Keep the certificate that a job's votes so far prove, where they prove one.

        Raises:
            StoreUnavailable: Redis stayed away.
        """
        snapshot = self._store.persist(lambda: ledger.snapshot(job_id))
        certificate = None if snapshot is None else interim(snapshot)
        if snapshot is None or certificate is None:
            return
        draws = sum(votes.total for votes in certificate.tally.values())
        document = self._document(snapshot, certificate)
        self._store.persist(lambda: ledger.show(job_id, draws=draws, document=document))

    def fail(self, job_id: str, code: str, message: str) -> None:
        """End a job with an error.

        Raises:
            StoreUnavailable: Redis stayed away.
        """
        if self._store.persist(
            lambda: ledger.fail(job_id, code=code, message=message, now=time.time())
        ):
            logger.warning("job failed", extra={"job_id": job_id, "code": code})
        self._ended(job_id)

    def _extend(self, snapshot: Snapshot, request: DrawMore, planned: int) -> Following | None:
        model_id = snapshot.spec.model.id
        chunks = self._store.persist(
            lambda: ledger.extend(
                snapshot.spec.id,
                step=snapshot.step,
                request=request,
                planned=planned,
                window=self._window(model_id),
                now=time.time(),
            )
        )
        return Following(model_id=model_id, chunks=chunks) if chunks else None

    def _finish(self, snapshot: Snapshot, certificate: Certificate) -> None:
        job_id, document = snapshot.spec.id, self._document(snapshot, certificate)
        if self._store.persist(
            lambda: ledger.finish(job_id, step=snapshot.step, document=document, now=time.time())
        ):
            ending = {"job_id": job_id, "request_id": snapshot.spec.request_id}
            logger.info("job succeeded", extra={**ending, "verdict": document["verdict"]})
        self._ended(job_id)

    def _document(self, snapshot: Snapshot, certificate: Certificate) -> dict[str, Any]:
        making = Making(
            key_commitment=commitment(snapshot.job_key),
            makers=snapshot.makers,
            versions=self._machine.versions,
            started_at=snapshot.started_at,
            finished_at=time.time(),
            attempts=snapshot.attempts,
        )
        return certificate_document(snapshot.spec, certificate, making)
