"""GET /jobs/<id>: where a job stands, asked again and again while it runs."""

import math
from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.access.caller import DOCUMENTED, caller_of
from app.certifications import expected
from app.errors import FieldError, InvalidRequest, echo
from app.openapi import problems
from app.openapi_parts import APPLIED, ETAG, IF_NONE_MATCH, PREFER, WAIT
from app.routes.answers import (
    JobId,
    etag,
    has_news,
    job_answer,
    names_tag,
    own_job,
    services_of,
)
from app.routes.lean import LeanRoute
from app.schemas import JobBody
from app.waiting import preferred_wait, wait_for_change, while_connected

router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=LeanRoute)


@router.get(
    "/{job_id}",
    response_model=JobBody,
    summary="Where a job stands",
    dependencies=[DOCUMENTED],
    responses={
        200: {"headers": {"ETag": ETAG, "Preference-Applied": APPLIED}},
        304: {"description": "The job is as it was.", "headers": {"ETag": ETAG}},
        **problems("job-not-found", "job-gone", "invalid-parameter", "store-unavailable"),
    },
    openapi_extra={"parameters": [WAIT, PREFER, IF_NONE_MATCH]},
)
async def get_job(request: Request, job_id: JobId) -> Response:
    """The job; with a wait, as soon as there is something to say."""
    services, caller = services_of(request), await caller_of(request)
    preferred = preferred_wait(request.headers.get("prefer"))
    seconds = min(max(_wait(request), preferred or 0), services.settings.max_wait_s)
    job = await own_job(services, caller, job_id)
    if_none_match = request.headers.get("if-none-match")
    if seconds > 0:
        enough = partial(has_news, if_none_match=if_none_match)
        waiting = wait_for_change(services.runner, job, seconds=seconds, enough=enough)
        job = await while_connected(waiting, request.receive)
        await caller_of(request)  # its key may have been revoked meanwhile
    headers = {} if preferred is None else {"Preference-Applied": f"wait={int(seconds)}"}
    if names_tag(if_none_match, etag(job.version)):
        return Response(status_code=304, headers={"ETag": etag(job.version), **headers})
    return job_answer(await expected(job, services), request, headers=headers)


def _wait(request: Request) -> float:
    text = request.query_params.get("wait") if request.scope["query_string"] else None
    if text is None:
        return 0.0
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds >= 0):
        detail = "must be a number of seconds, at least 0"
        raise InvalidRequest(
            [FieldError(field="wait", value=echo(text), detail=detail, limit={"minimum": 0})]
        )
    return seconds
