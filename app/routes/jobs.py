"""/jobs: one's own jobs, where each stands, as it happens, and how to be rid of it."""

import time
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Header, Query, Request
from fastapi.sse import EventSourceResponse
from starlette.responses import Response

from app.access.caller import CallerOf
from app.certifications import Expected, expected
from app.events import job_events, seen_all
from app.openapi import problems
from app.openapi_parts import EVENTS, LINK
from app.routes.answers import (
    JobId,
    ServicesOf,
    checked_id,
    job_answer,
    job_body,
    json_answer,
    own_job,
    prefix_of,
)
from app.schemas import JobBody, JobsBody
from jobs import store
from jobs.answers import Page
from jobs.listing import LARGEST_PAGE
from jobs.record import JobState

router = APIRouter(prefix="/jobs", tags=["jobs"])

States = Annotated[
    list[JobState],
    Query(alias="state", description="Only jobs in this state; may be given several times."),
]
Cursor = Annotated[
    str | None, Query(max_length=200, description="Where the page begins: from `next`.")
]
Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="Most jobs of a page.")]
LastEventId = Annotated[
    str | None,
    Header(alias="Last-Event-ID", description="Id of the last event that was received."),
]


@router.get(
    "",
    response_model=JobsBody,
    summary="One's own jobs, newest first",
    responses={
        200: {"headers": {"Link": LINK}},
        **problems("invalid-parameter", "store-unavailable"),
    },
)
async def list_jobs(
    request: Request,
    services: ServicesOf,
    caller: CallerOf,
    states: States = [],  # noqa: B006 - FastAPI copies it
    cursor: Cursor = None,
    limit: Limit = 20,
) -> Response:
    """A page of jobs; `next`, and the header `Link`, name the next. New jobs move no page."""
    page = await services.runner.run(
        store.list_jobs(caller.tenant, now=time.time(), states=states, cursor=cursor, limit=limit)
    )
    following = _following(request, page, states, limit)
    jobs = [job_body(Expected(job=job, seconds=None), request) for job in page.jobs]
    headers = {} if following is None else {"Link": f'<{following}>; rel="next"'}
    return json_answer(JobsBody(jobs=jobs, next=following), headers=headers)


@router.get(
    "/{job_id}/events",
    summary="What happens to a job, as it happens",
    response_class=Response,
    responses={
        200: EVENTS,
        204: {"description": "Nothing more will happen: Last-Event-ID named the end."},
        **problems("job-not-found", "job-gone", "store-unavailable"),
    },
)
async def get_events(
    request: Request,
    job_id: JobId,
    services: ServicesOf,
    caller: CallerOf,
    last_event_id: LastEventId = None,
) -> Response:
    """Server-Sent Events: `state` and `progress` carry the job, `certificate` the certificate.

    The first event is the job as it stands, unless Last-Event-ID names that; the last is its end.
    A silent stream has a comment every 15 seconds. It ends after some minutes: a browser's
    EventSource comes back by itself.
    """
    job = await own_job(services, caller, job_id)
    if seen_all(job, last_event_id):
        return Response(status_code=204)
    events = job_events(
        job,
        services,
        body=lambda expected: job_body(expected, request).model_dump_json(),
        last_event_id=last_event_id,
    )
    # Nginx would hold events back until its buffer is full.
    return EventSourceResponse(events, headers={"X-Accel-Buffering": "no"})


@router.post(
    "/{job_id}/cancel",
    response_model=JobBody,
    summary="Cancel a job",
    responses=problems(
        "cross-site-request",
        "job-not-found",
        "job-gone",
        "job-already-finished",
        "store-unavailable",
    ),
)
async def cancel_job(
    request: Request, job_id: JobId, services: ServicesOf, caller: CallerOf
) -> Response:
    """Stops the job within a chunk. Cancelling it again changes nothing.

    A job of mode `anytime` that has an interim certificate succeeds with it.

    A job that others joined by an equal request is theirs too: it is cancelled for all.
    """
    cancel = store.cancel(checked_id(job_id), tenant=caller.tenant, now=time.time())
    await services.runner.run(cancel)
    job = await own_job(services, caller, job_id)
    return job_answer(await expected(job, services), request)


@router.delete(
    "/{job_id}",
    status_code=204,
    summary="Erase a job",
    responses=problems("cross-site-request", "job-not-found", "job-gone", "store-unavailable"),
)
async def delete_job(job_id: JobId, services: ServicesOf, caller: CallerOf) -> Response:
    """Erases the image and the record now, and cancels the job if need be."""
    delete = store.delete(checked_id(job_id), tenant=caller.tenant, now=time.time())
    await services.runner.run(delete)
    return Response(status_code=204)


def _following(request: Request, page: Page, states: list[JobState], limit: int) -> str | None:
    if page.next_cursor is None:
        return None
    query = [("state", state.value) for state in states]
    query += [("limit", str(limit)), ("cursor", page.next_cursor)]
    return f"{prefix_of(request)}/jobs?{urlencode(query)}"
