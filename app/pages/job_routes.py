"""The pages of jobs: one, all, some side by side."""

import time
from contextlib import suppress
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from app.access.caller import CallerOf
from app.pages import words
from app.pages.comparison import comparison
from app.pages.job_list import job_row
from app.pages.job_view import JobView, job_view
from app.pages.lookup import job_if_any
from app.pages.rendering import page
from app.routes.answers import ServicesOf, own_job, prefix_of
from app.services import Services
from jobs import store
from jobs.caller import Caller
from jobs.errors import JobNotCancellable
from jobs.record import Job, JobState

router = APIRouter(prefix="/ui", include_in_schema=False)

PAGE_SIZE = 20
MOST_COMPARED = 4


@router.get("/jobs")
async def list_jobs(
    request: Request,
    services: ServicesOf,
    caller: CallerOf,
    state: JobState | None = None,
    cursor: str | None = None,
) -> Response:
    """The caller's jobs, newest first."""
    states = () if state is None else (state,)
    listed = await services.runner.run(
        store.list_jobs(
            caller.tenant, now=time.time(), states=states, cursor=cursor, limit=PAGE_SIZE
        )
    )
    following = {"state": state, "cursor": listed.next_cursor}
    return page(
        request,
        "jobs.html",
        rows=[job_row(job) for job in listed.jobs],
        states=words.STATES,
        chosen=state,
        next=urlencode({name: value for name, value in following.items() if value})
        if listed.next_cursor
        else None,
        caller=caller,
    )


@router.get("/jobs/{job_id}")
async def show_job(
    request: Request, services: ServicesOf, caller: CallerOf, job_id: str
) -> Response:
    """A job as it stands; the script of the page fetches it again whenever it has changed."""
    view = await _view(request, services, caller, await own_job(services, caller, job_id))
    signed = services.signer.signing_kid is not None
    return page(request, "job.html", view=view, signed=signed, caller=caller)


@router.post("/jobs/{job_id}/cancel")
async def cancel(request: Request, services: ServicesOf, caller: CallerOf, job_id: str) -> Response:
    """Back to the job, which is then cancelled, or ended before."""
    job = await own_job(services, caller, job_id)
    with suppress(JobNotCancellable):  # its page shows how it ended
        await services.runner.run(store.cancel(job.spec.id, tenant=caller.tenant, now=time.time()))
    return RedirectResponse(f"{prefix_of(request)}/ui/jobs/{job.spec.id}", status_code=303)


@router.get("/compare")
async def compare(
    request: Request,
    services: ServicesOf,
    caller: CallerOf,
    job: Annotated[tuple[str, ...], Query()] = (),
) -> Response:
    """A few jobs side by side; those that are gone are left out."""
    found = [await job_if_any(services, caller, each) for each in job[:MOST_COMPARED]]
    views = [await _view(request, services, caller, each) for each in found if each]
    return page(request, "compare.html", **comparison(views), caller=caller)


async def _view(request: Request, services: Services, caller: Caller, job: Job) -> JobView:
    url = str(request.base_url).rstrip("/")
    return await job_view(job, services, url=url, with_key=caller.key_id is not None)
