"""What a new job is made of."""

import time
from dataclasses import dataclass

from app.images import PreparedUpload
from app.parameters import CertifyRequest
from app.request_id import current_request_id
from jobs import keys
from jobs.caller import Caller, Idempotency
from jobs.record import ImageRef, Job, JobSpec, JobState, ModelRef, Progress, WebhookRef
from model_store.card import ModelCard
from smoothing.params import SmoothingParams
from smoothing.procedures import opening

_REFS: dict[str, tuple[ModelCard, ModelRef]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """How a request is named by its sender, so that it happens once however often it is sent.

    Attributes:
        job_id: The id that the job shall have; None for a new one.
        idempotency_key: Of the request; None for none.
        group: The evaluation that it is part of; None for none.
    """

    job_id: str | None = None
    idempotency_key: str | None = None
    group: str | None = None


UNNAMED = Naming()


def new_spec(
    request: CertifyRequest,
    params: SmoothingParams,
    image: ImageRef,
    *,
    naming: Naming,
    caller: Caller,
    receiver: WebhookRef | None,
    traceparent: str | None,
    seconds: float,
    chunk: int,
) -> JobSpec:
    """What is asked, as the workers will read it.

    Args:
        request: As it was sent.
        params: What to certify with.
        image: What to certify.
        naming: How it is named by its sender.
        caller: Who asks.
        receiver: Whom to tell how it ends.
        traceparent: W3C trace context.
        seconds: Until it expires.
        chunk: Draws in one unit of work.
    """
    model, now = _model_ref(request.card), time.time()
    return JobSpec(
        id=naming.job_id or keys.new_job_id(),
        model=model,
        image=image,
        params=params,
        request_digest=keys.request_digest(model, image, params),
        created_at=now,
        deadline_at=now + seconds,
        chunk_size=chunk,
        tenant=caller.tenant,
        priority=request.form.priority,
        request_id=current_request_id(),
        traceparent=traceparent,
        webhook=receiver,
        group=naming.group,
    )


def idempotency(
    request: CertifyRequest, upload: PreparedUpload, naming: Naming
) -> Idempotency | None:
    """The client's name for a request with what was sent; None where it has none.

    What was sent, not what became of it: a default may be another tomorrow.

    Args:
        request: As it was sent.
        upload: Its image.
        naming: How it is named by its sender.
    """
    key, job_id = naming.idempotency_key, naming.job_id
    if key is None and job_id is None:
        return None
    sent = {"image": upload.ref.upload_sha256, **request.form.model_dump(mode="json")}
    return Idempotency(key=key or f"job:{job_id}", payload_sha256=keys.digest(sent))


def queued(spec: JobSpec) -> Job:
    """A job that the store has just created, without asking for it."""
    begins = opening(spec.params, spec.model.num_classes)
    progress = Progress(
        phase=begins.first.phase,
        draws_done=0,
        draws_planned=begins.draws_planned,
        draws_per_s=None,
        eta_s=None,
    )
    return Job(
        spec=spec,
        state=JobState.QUEUED,
        version=1,
        progress=progress,
        certificate=None,
        interim=None,
        error=None,
        cached=False,
        started_at=None,
        finished_at=None,
    )


def fingerprint(request: CertifyRequest, caller: Caller) -> int:
    """Tells requests of one process apart, quickly."""
    return hash((caller.tenant, request.form.model_dump_json(), request.image))


def _model_ref(card: ModelCard) -> ModelRef:
    """As `keys.model_ref`, which digests the whole card: once for each that the store gives."""
    known = _REFS.get(card.id)
    if known is None or known[0] is not card:
        known = _REFS[card.id] = (card, keys.model_ref(card))
    return known[1]
