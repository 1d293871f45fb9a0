"""/jobs: one's own jobs, where each stands, as it happens, and how to be rid of it."""

import time
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.sse import EventSourceResponse
from starlette.responses import Response

from app.access.caller import CallerOf, caller_of
from app.certifications import Expected, expected
from app.events import job_events, seen_all
from app.openapi import problems
from app.openapi_parts import ETAG, EVENTS, LINK
from app.routes.answers import (
    Cursor,
    JobId,
    ServicesOf,
    checked_id,
    following,
    job_answer,
    job_body,
    own_job,
    page_answer,
)
from app.schemas import JobBody, JobsBody
from jobs import store
from jobs.listing import LARGEST_PAGE
from jobs.record import JobState

router = APIRouter(prefix="/jobs", tags=["jobs"])

States = Annotated[
    list[JobState],
    Query(alias="state", description="Only jobs in this state; may be given several times."),
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
    query = [*(("state", state.value) for state in states), ("limit", limit)]
    path = following(request, "/jobs", page.next_cursor, *query)
    jobs = [job_body(Expected(job=job, seconds=None), request) for job in page.jobs]
    return page_answer(JobsBody(jobs=jobs, next=path))


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
        still_allowed=partial(caller_of, request),
        last_event_id=last_event_id,
    )
    # Nginx would hold events back until its buffer is full.
    return EventSourceResponse(events, headers={"X-Accel-Buffering": "no"})


@router.post(
    "/{job_id}/cancel",
    response_model=JobBody,
    summary="Cancel a job",
    responses={
        200: {"headers": {"ETag": ETAG}},
        **problems(
            "cross-site-request",
            "job-not-found",
            "job-gone",
            "job-already-finished",
            "store-unavailable",
        ),
    },
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
