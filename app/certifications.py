"""The use case: a request for a certificate becomes a job, or finds one that is already there."""

import time
from dataclasses import dataclass

from app.errors import QueueFull
from app.fleet import Crew
from app.pacing import chunk_size, default_n, most_draws, retry_after_s
from app.parameters import CertifyRequest, smoothing_params
from app.services import Services
from app.settings import AppSettings
from app.waiting import read_job
from jobs import keys, store
from jobs.caller import LOCAL
from jobs.record import Job, JobSpec
from model_store.errors import ModelStoreError
from smoothing.certificate import SmoothingParams


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A job, and when it is expected to end.

    Attributes:
        job: As read from the store.
        seconds: From now; None where the job itself knows, or has ended.
    """

    job: Job
    seconds: float | None


async def submit(request: CertifyRequest, services: Services) -> Expected:
    """The job that answers the request: new, joined, or finished with a known certificate.

    Raises:
        InvalidRequest: The parameters cannot be used together.
        BadImage: The upload cannot be certified.
        QueueFull: Too many draws are waiting.
        StoreUnavailable: Redis is away.
    """
    crew = await services.fleet.crew(request.card)
    n = default_n(
        request.form.mode,
        crew.draws_per_s,
        n0=request.form.n0,
        at_most=services.settings.max_draws,
    )
    params = smoothing_params(request, default_n=n)
    upload = await services.images.prepare(request.image, request.card.preprocessing)
    model = keys.model_ref(request.card)
    digest = keys.request_digest(model, upload.ref, params)
    now = time.time()
    spec = JobSpec(
        id=keys.new_job_id(),
        model=model,
        image=upload.ref,
        params=params,
        request_digest=digest,
        created_at=now,
        deadline_at=now + services.settings.job_deadline_s,
        chunk_size=chunk_size(crew.draws_per_s_each),
    )
    limits = services.settings
    submitted = await services.runner.run(
        store.submit(
            spec,
            caller=LOCAL,
            job_key=keys.job_key(await services.secret.read(), digest),
            tensor=upload.tensor,
            now=now,
            draws_per_s=crew.draws_per_s,
            max_backlog_draws=limits.backlog_limit_draws,
            max_backlog_jobs=limits.backlog_limit_jobs,
        )
    )
    if submitted.job_id is None:
        raise _queue_full(submitted.backlog_draws, limits, params, crew)
    if submitted.outcome == "created":
        services.waker.wake(model.id)
    job = await read_job(services.runner, submitted.job_id)
    return Expected(job=job, seconds=_expected_s(job, submitted.backlog_draws, crew))


async def expected(job: Job, services: Services) -> Expected:
    """A job that was read, with an estimate from the queue where its own progress has none yet."""
    if job.state.terminal or job.progress.eta_s is not None:
        return Expected(job=job, seconds=None)
    try:
        card = services.registry.get(job.spec.model.id)
    except ModelStoreError:  # the model has left the store since
        return Expected(job=job, seconds=None)
    crew = await services.fleet.crew(card)
    backlog = await services.runner.run(store.backlog(card.id, now=time.time()))
    return Expected(job=job, seconds=_expected_s(job, backlog.draws, crew))


def _expected_s(job: Job, backlog_draws: int, crew: Crew) -> float | None:
    """All that is queued for the model is taken to come first: jobs interleave."""
    if job.state.terminal:
        return None
    draws = max(backlog_draws, job.progress.draws_planned - job.progress.draws_done)
    return draws / crew.draws_per_s


def _queue_full(
    backlog: int, settings: AppSettings, params: SmoothingParams, crew: Crew
) -> QueueFull:
    wanted = most_draws(params)
    over = max(backlog + wanted - settings.backlog_limit_draws, wanted)
    limits = {
        "backlog_draws": settings.backlog_limit_draws,
        "backlog_jobs": settings.backlog_limit_jobs,
    }
    return QueueFull(
        backlog=backlog, limits=limits, retry_after_s=retry_after_s(over, crew.draws_per_s)
    )
