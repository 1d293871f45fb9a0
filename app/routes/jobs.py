"""/jobs: where a job stands, its certificate, and how to be rid of it."""

import json
import re
import time
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from app.certifications import expected
from app.errors import CertificateNeverComes, CertificateNotReady
from app.openapi import APPLIED, ETAG, problems
from app.routes.answers import (
    JobId,
    Prefer,
    ServicesOf,
    etag,
    job_answer,
    names_version,
)
from app.schemas import JobBody
from app.waiting import preferred_wait, read_job, wait_for_change, while_connected
from jobs import store
from jobs.caller import LOCAL
from jobs.errors import JobNotFound
from jobs.record import Job

router = APIRouter(prefix="/jobs", tags=["jobs"])
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

Wait = Annotated[
    float,
    Query(
        ge=0,
        allow_inf_nan=False,
        description="Seconds to hold the answer back until the job has ended, or, with "
        "If-None-Match, until it has changed. Cut to the service's limit.",
    ),
]
IfNoneMatch = Annotated[
    str | None,
    Header(
        alias="If-None-Match",
        description="The ETag of an earlier answer; 304 if the job is as it was.",
    ),
]


@router.get(
    "/{job_id}",
    response_model=JobBody,
    summary="Where a job stands",
    responses={
        200: {"headers": {"ETag": ETAG, "Preference-Applied": APPLIED}},
        304: {"description": "The job is as it was."},
        **problems("bad-request", "job-not-found", "invalid-parameter", "store-unavailable"),
    },
)
async def get_job(
    request: Request,
    job_id: JobId,
    services: ServicesOf,
    wait: Wait = 0,
    prefer: Prefer = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The job; with a wait, as soon as there is something to say."""
    job = await read_job(services.runner, _checked(job_id))
    preferred = preferred_wait(prefer)
    seconds = min(max(wait, preferred or 0), services.settings.max_wait_s)
    headers = {} if preferred is None else {"Preference-Applied": f"wait={int(seconds)}"}
    if seconds > 0:
        known = job.version if names_version(if_none_match, job.version) else None

        def enough(job: Job) -> bool:
            return job.state.terminal or (known is not None and job.version != known)

        waiting = wait_for_change(services.runner, job, seconds=seconds, enough=enough)
        job = await while_connected(waiting, request.receive)
    if names_version(if_none_match, job.version):
        return Response(status_code=304, headers={"ETag": etag(job.version), **headers})
    return job_answer(await expected(job, services), request, headers=headers)


@router.get(
    "/{job_id}/certificate",
    summary="The certificate alone",
    responses={
        200: {
            "description": "The certificate document; an abstention has one too.",
            "content": {"application/json": {"schema": {"type": "object"}}},
        },
        **problems("job-not-found", "no-certificate", "certificate-not-ready", "store-unavailable"),
    },
)
async def get_certificate(job_id: JobId, services: ServicesOf) -> Response:
    """The document whose every number follows from the votes in it."""
    job = await read_job(services.runner, _checked(job_id))
    if job.certificate is None and not job.state.terminal:
        raise CertificateNotReady(f"job {job_id} is {job.state.value}; wait for it")
    if job.certificate is None:
        raise CertificateNeverComes(f"job {job_id} is {job.state.value}")
    return Response(json.dumps(job.certificate), media_type="application/json")


@router.post(
    "/{job_id}/cancel",
    response_model=JobBody,
    summary="Cancel a job",
    responses=problems(
        "cross-site-request", "job-not-found", "job-already-finished", "store-unavailable"
    ),
)
async def cancel_job(request: Request, job_id: JobId, services: ServicesOf) -> Response:
    """Stops the job within a chunk. Cancelling it again changes nothing.

    A job of mode `anytime` that has an interim certificate succeeds with it.

    A job that others joined by an equal request is theirs too: it is cancelled for all.
    """
    await services.runner.run(store.cancel(_checked(job_id), tenant=LOCAL.tenant, now=time.time()))
    job = await read_job(services.runner, job_id)
    return job_answer(await expected(job, services), request)


@router.delete(
    "/{job_id}",
    status_code=204,
    summary="Erase a job",
    responses=problems("cross-site-request", "job-not-found", "store-unavailable"),
)
async def delete_job(job_id: JobId, services: ServicesOf) -> Response:
    """Erases the image and the record now, and cancels the job if need be."""
    await services.runner.run(store.delete(_checked(job_id), tenant=LOCAL.tenant, now=time.time()))
    return Response(status_code=204)


def _checked(job_id: str) -> str:
    if not _UUID.fullmatch(job_id):
        raise JobNotFound(job_id[:100])
    return job_id
