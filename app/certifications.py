"""The use case: a request for a certificate becomes a job, or finds one that is already there."""

from dataclasses import dataclass

from app.errors import IdempotencyConflict
from app.fleet import Crew
from app.images import PreparedUpload
from app.new_job import UNNAMED, Naming, fingerprint, idempotency, new_spec, queued
from app.pacing import chunk_size, most_draws
from app.parameters import CertifyRequest, smoothing_params
from app.services import Services
from app.waiting import read_job
from app.webhooks.form import add_receiver, receiver_of
from jobs import keys, store
from jobs.answers import Allowance, Outcome, Submitted
from jobs.caller import Caller
from jobs.logs import also_concerns
from jobs.record import Job, JobSpec
from model_store.errors import ModelStoreError


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A job, and when it is expected to end.

    Attributes:
        job: As read from the store.
        seconds: From now; None where the job itself knows, or has ended.
    """

    job: Job
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What became of a request that was not refused.

    Attributes:
        expected: The job that answers it.
        outcome: "created", "joined", "cached" or "replayed", see `Submitted`.
        remaining: What is left of the caller's quota.
    """

    expected: Expected
    outcome: Outcome
    remaining: tuple[Allowance, ...]


async def submit(
    request: CertifyRequest,
    services: Services,
    caller: Caller,
    naming: Naming = UNNAMED,
    upload: PreparedUpload | None = None,
) -> Accepted:
    """The job that answers the request: new, joined, or finished with a known certificate.

    Args:
        request: What is asked.
        services: Where it is answered.
        caller: Who asks.
        naming: How the request is named by its sender.
        upload: The image, where it was prepared before; instead of the request's.

    Raises:
        InvalidRequest: The parameters cannot be used together.
        BadImage: The upload cannot be certified.
        OverQuota: The caller has no more to spend.
        QueueFull: Too many draws are waiting.
        IdempotencyConflict: The name was given to another request.
        StoreUnavailable: Redis is away.
    """
    crew = await services.fleet.crew(request.card)
    limits = services.settings
    params = smoothing_params(request, draws_per_s=crew.draws_per_s, max_draws=limits.max_draws)
    receiver = receiver_of(
        request.form.webhook_url, request.form.webhook_events, services.receivers
    )
    known_as = fingerprint(request, caller)
    if upload is None:
        services.refusals.check_work(
            caller, request.card.id, draws=most_draws(params), fingerprint=known_as
        )
        upload = await services.images.prepare(
            request.image, request.card.preprocessing, tenant=caller.tenant
        )
    spec = new_spec(
        request,
        params,
        upload.ref,
        naming=naming,
        caller=caller,
        receiver=receiver,
        traceparent=services.tracing.traceparent(),
        seconds=limits.job_deadline_s,
        chunk=chunk_size(crew.draws_per_s_each),
    )
    submitted = await services.runner.run(
        store.submit(
            spec,
            caller=caller,
            job_key=keys.job_key(await services.secret.read(), spec.request_digest),
            tensor=upload.tensor,
            now=spec.created_at,
            idempotency=idempotency(request, upload, naming),
            draws_per_s=crew.draws_per_s,
            max_backlog_draws=limits.backlog_limit_draws,
            max_backlog_jobs=limits.backlog_limit_jobs,
        )
    )
    if submitted.outcome == "created":
        services.waker.wake(spec.model.id)
        job = queued(spec)
    else:
        job_id = _accepted(submitted, spec, services, caller, naming)
        job = await read_job(services.runner, job_id, tenant=caller.tenant)
        if receiver is not None:
            await add_receiver(services.runner, job_id, tenant=caller.tenant, receiver=receiver)
    services.refusals.answered(known_as)
    also_concerns(job_id=job.spec.id)
    return Accepted(
        expected=Expected(job=job, seconds=_expected_s(job, submitted.backlog_draws, crew)),
        outcome=submitted.outcome,
        remaining=submitted.remaining,
    )


async def expected(job: Job, services: Services) -> Expected:
    """A job that was read, with an estimate from the queue where its own progress has none yet."""
    if job.state.terminal or job.progress.eta_s is not None:
        return Expected(job=job, seconds=None)
    try:
        card = services.registry.get(job.spec.model.id)
    except ModelStoreError:  # the model has left the store since
        return Expected(job=job, seconds=None)
    crew = await services.fleet.crew(card)
    backlog = await services.fleet.backlog(card)
    return Expected(job=job, seconds=_expected_s(job, backlog.draws, crew))


def _expected_s(job: Job, backlog_draws: int, crew: Crew) -> float | None:
    """All that is queued for the model is taken to come first: jobs interleave."""
    if job.state.terminal:
        return None
    draws = max(backlog_draws, job.progress.draws_planned - job.progress.draws_done)
    return draws / crew.draws_per_s


def _accepted(
    submitted: Submitted, spec: JobSpec, services: Services, caller: Caller, naming: Naming
) -> str:
    """The id of the job, or the reason why there is none."""
    if submitted.job_id is not None:
        return submitted.job_id
    if submitted.outcome == "conflict":
        raise IdempotencyConflict(
            field="job_id" if naming.idempotency_key is None else "Idempotency-Key",
            value=naming.idempotency_key or spec.id,
        )
    draws, limits = most_draws(spec.params), services.settings
    if submitted.outcome == "over_quota":
        most = max(draws, spec.params.n)
        raise services.refusals.over_quota(caller, submitted, draws=most)
    raise services.refusals.queue_full(
        caller,
        spec.model.id,
        submitted,
        draws=draws,
        limits={
            "backlog_draws": limits.backlog_limit_draws,
            "backlog_jobs": limits.backlog_limit_jobs,
        },
    )
