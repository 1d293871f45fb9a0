"""A request for a certificate, from what was read of it to the answer."""

from starlette.requests import Request
from starlette.responses import Response

from app import certifications
from app.access.caller import caller_of
from app.access.limits import limit_headers
from app.certifications import Accepted, Expected
from app.new_job import Naming
from app.pacing import poll_after_s
from app.parameters import CertifyRequest
from app.routes.answers import job_answer, prefix_of
from app.services import Services
from app.waiting import preferred_wait, wait_for_change, while_connected
from jobs.caller import Caller
from jobs.record import Job

CACHE_STATUS = {
    "created": "dmae; fwd=miss; stored",
    "joined": "dmae; fwd=miss; collapsed",
    "cached": "dmae; hit",
}
"""RFC 9211: where the certificate comes from, or will."""


async def submit_and_answer(
    request: Request,
    services: Services,
    caller: Caller,
    wanted: CertifyRequest,
    naming: Naming,
) -> Response:
    """The answer to a request for a certificate: its job, waited for where that is preferred.

    Raises:
        As `certifications.submit`.
    """
    accepted = await certifications.submit(wanted, services, caller, naming)
    job = accepted.expected.job
    headers = {
        "Location": f"{prefix_of(request)}/jobs/{job.spec.id}",
        **limit_headers(accepted.remaining),
        **_told(accepted),
    }
    wait = preferred_wait(request.headers.get("prefer"))
    if wait is not None:
        granted = min(wait, int(services.settings.max_wait_s))
        headers["Preference-Applied"] = f"wait={granted}"
        job = await _waited(request, services, job, granted)
    # An answer that is sent again says what it said the first time, unless it was waited for.
    known_at_first = job.cached or accepted.outcome != "replayed" or wait is not None
    status = 200 if job.state.terminal and known_at_first else 202
    expected = Expected(job=job, seconds=accepted.expected.seconds)
    if not job.state.terminal:
        headers["Retry-After"] = str(poll_after_s(expected.seconds))
    return job_answer(expected, request, status=status, headers=headers)


def _told(accepted: Accepted) -> dict[str, str]:
    if accepted.outcome == "replayed":
        return {"Idempotency-Replayed": "true"}
    return {"Cache-Status": CACHE_STATUS[accepted.outcome]}


async def _waited(request: Request, services: Services, job: Job, seconds: int) -> Job:
    if job.state.terminal:
        return job
    waiting = wait_for_change(
        services.runner, job, seconds=seconds, enough=lambda job: job.state.terminal
    )
    job = await while_connected(waiting, request.receive)
    await caller_of(request)  # its key may have been revoked meanwhile
    return job
