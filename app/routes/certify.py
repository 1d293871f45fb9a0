"""POST /certify: an image in, a job out."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app import certifications, parameters
from app.certifications import Expected
from app.multipart import boundary_of, read_parts
from app.openapi import APPLIED, ETAG, LOCATION, RETRY_AFTER, certify_body, problems
from app.pacing import poll_after_s
from app.routes.answers import Prefer, ServicesOf, job_answer, prefix_of
from app.schemas import JobBody
from app.waiting import preferred_wait, wait_for_change, while_connected

router = APIRouter(tags=["certificates"])

_FINISHED: dict[str, Any] = {
    "model": JobBody,
    "description": "The job has ended: its certificate was known, or the wait was long enough.",
    "headers": {"Location": LOCATION, "Preference-Applied": APPLIED, "ETag": ETAG},
}
_ACCEPTED: dict[str, Any] = {
    "description": "The job is queued or running; `progress.eta_s` says how long it should take.",
    "headers": {
        "Location": LOCATION,
        "Retry-After": RETRY_AFTER,
        "Preference-Applied": APPLIED,
        "ETag": ETAG,
    },
}


@router.post(
    "/certify",
    status_code=202,
    response_model=JobBody,
    summary="Certify an image",
    responses={
        200: _FINISHED,
        202: _ACCEPTED,
        **problems(
            "malformed-form",
            "bad-request",
            "cross-site-request",
            "model-not-found",
            "body-timeout",
            "image-too-large",
            "unsupported-media-type",
            "unsupported-image",
            "invalid-parameter",
            "unreadable-image",
            "queue-full",
            "store-unavailable",
        ),
    },
    openapi_extra={"requestBody": certify_body()},
)
async def certify(request: Request, services: ServicesOf, prefer: Prefer = None) -> Response:
    """Queues a certificate for an image, unless it is known or already being computed.

    Equal requests share one job and one certificate: asking again is no second roll of the dice.
    The radius is in units of a [0, 1] pixel over the certified tensor; the certificate also gives
    it for the pixels of the upload.
    """
    limits = services.settings
    boundary = boundary_of(request.headers.get("content-type"))
    parts = await read_parts(
        request.stream(), boundary, max_bytes=parameters.field_sizes(limits.max_upload_bytes)
    )
    wanted = parameters.read_form(parts, registry=services.registry, max_draws=limits.max_draws)
    expected = await certifications.submit(wanted, services)
    wait = preferred_wait(prefer)
    headers = {"Location": f"{prefix_of(request)}/jobs/{expected.job.spec.id}"}
    if wait is not None:
        granted = min(wait, int(limits.max_wait_s))
        headers["Preference-Applied"] = f"wait={granted}"
        waiting = wait_for_change(
            services.runner,
            expected.job,
            seconds=granted,
            enough=lambda job: job.state.terminal,
        )
        job = await while_connected(waiting, request.receive)
        expected = Expected(job=job, seconds=expected.seconds)
    if expected.job.state.terminal:
        return job_answer(expected, request, status=200, headers=headers)
    headers["Retry-After"] = str(poll_after_s(expected.seconds))
    return job_answer(expected, request, status=202, headers=headers)
