"""POST /certify: an image in, a job out; PUT /jobs/<id> where the client names the job."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.access.caller import DOCUMENTED, caller_of
from app.errors import FieldError, InvalidRequest, echo
from app.intake import idempotency_key, read_request
from app.new_job import Naming
from app.openapi import OF_AN_IMAGE, problems
from app.openapi_parts import (
    APPLIED,
    CACHE_STATUS,
    ETAG,
    IDEMPOTENCY_KEY,
    LIMITS,
    LOCATION,
    PREFER,
    REPLAYED,
    RETRY_AFTER,
    certify_body,
    certify_query,
)
from app.routes.answers import JobId, is_job_id, services_of
from app.routes.lean import LeanRoute
from app.routes.submission import submit_and_answer
from app.schemas import JobBody

router = APIRouter(tags=["certificates"], route_class=LeanRoute)

_HEADERS = {
    "Location": LOCATION,
    "Preference-Applied": APPLIED,
    "ETag": ETAG,
    "Cache-Status": CACHE_STATUS,
    "Idempotency-Replayed": REPLAYED,
    **LIMITS,
}
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "model": JobBody,
        "description": "The job has ended: its certificate was known, or the wait was long enough.",
        "headers": _HEADERS,
    },
    202: {
        "description": "The job is queued or running; `progress.eta_s` says how long it should "
        "take.",
        "headers": {**_HEADERS, "Retry-After": RETRY_AFTER},
    },
    **problems(
        *OF_AN_IMAGE,
        "model-not-found",
        "idempotency-conflict",
        "job-gone",
        "over-quota",
        "queue-full",
        "store-unavailable",
    ),
}


@router.post(
    "/certify",
    status_code=202,
    response_model=JobBody,
    summary="Certify an image",
    dependencies=[DOCUMENTED],
    responses=RESPONSES,
    openapi_extra={
        "requestBody": certify_body(),
        "parameters": [*certify_query(), PREFER, IDEMPOTENCY_KEY],
    },
)
async def certify(request: Request) -> Response:
    """Queues a certificate for an image, unless it is known or already being computed.

    Equal requests share one job and one certificate: asking again is no second roll of the dice.
    The radius is in units of a [0, 1] pixel over the certified tensor; the certificate also gives
    it for the pixels of the upload.
    """
    services, caller = services_of(request), await caller_of(request)
    services.refusals.check(caller)
    naming = Naming(idempotency_key=idempotency_key(request))
    wanted = await read_request(request, services)
    return await submit_and_answer(request, services, caller, wanted, naming)


@router.put(
    "/jobs/{job_id}",
    status_code=202,
    response_model=JobBody,
    summary="Certify an image as a job of a given id",
    dependencies=[DOCUMENTED],
    responses=RESPONSES,
    openapi_extra={
        "requestBody": certify_body(),
        "parameters": [*certify_query(), PREFER],
    },
)
async def put_job(request: Request, job_id: JobId) -> Response:
    """The same as `POST /certify`, under an id that the client has made up: any UUID.

    It can be sent again without harm. Where an equal request has a job already, that one answers,
    under its own id: `Location` names it.
    """
    services, caller = services_of(request), await caller_of(request)
    services.refusals.check(caller)
    if not is_job_id(job_id):
        detail = "must be a UUID in lower case, such as uuid.uuid4() makes"
        raise InvalidRequest([FieldError(field="job_id", value=echo(job_id), detail=detail)])
    wanted = await read_request(request, services)
    return await submit_and_answer(request, services, caller, wanted, Naming(job_id=job_id))
