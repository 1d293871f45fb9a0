"""What the handlers share: where their services are, and how a job becomes an answer."""

import re
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Header, Path, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from app.certifications import Expected
from app.evaluations.schemas import EvaluationsBody
from app.schemas import EXAMPLE_JOB_ID, JobBody, JobsBody
from app.services import Services
from app.waiting import read_job
from jobs.caller import Caller
from jobs.errors import JobNotFound
from jobs.evaluation_record import Evaluation
from jobs.record import Job


def services_of(request: Request) -> Services:
    """What the request's application works with."""
    return request.app.state.services


async def _services(request: Request) -> Services:
    return services_of(request)


ServicesOf = Annotated[Services, Depends(_services)]
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

Cursor = Annotated[
    str | None, Query(max_length=200, description="Where the page begins: from `next`.")
]
JobId = Annotated[str, Path(description="Id of a job.", examples=[EXAMPLE_JOB_ID])]
Prefer = Annotated[
    str | None,
    Header(
        alias="Prefer",
        description="`wait=<s>` holds the answer back until the job has ended (RFC 7240).",
    ),
]


def is_job_id(text: str) -> bool:
    """Whether a text can be the id of a job."""
    return _UUID.fullmatch(text) is not None


def checked_id(text: str) -> str:
    """The id of a job, if it can be one.

    Raises:
        JobNotFound: It cannot.
    """
    if not is_job_id(text):
        raise JobNotFound(text[:100])
    return text


async def own_job(services: Services, caller: Caller, job_id: str) -> Job:
    """The caller's job of an id, as it stands.

    Raises:
        JobNotFound: The caller has none of this id.
        JobGone: The caller had one.
        StoreUnavailable: Redis is away.
    """
    return await read_job(services.runner, checked_id(job_id), tenant=caller.tenant)


def prefix_of(request: Request) -> str:
    """Path under which the service is mounted, without the slash at its end."""
    return str(request.scope.get("root_path", "")).rstrip("/")


def etag(version: int) -> str:
    """The validator of a body: weak, since its estimates move between versions."""
    return f'W/"{version}"'


def names_tag(if_none_match: str | None, tag: str) -> bool:
    """Whether an If-None-Match header names an entity tag, be it weak or strong (RFC 9110)."""
    if not if_none_match:
        return False
    known = {each.strip().removeprefix("W/") for each in if_none_match.split(",")}
    return not known.isdisjoint({"*", tag.removeprefix("W/")})


def has_news(now: Job | Evaluation, if_none_match: str | None) -> bool:
    """Whether who waits for it, and may have named the version that they know, gets an answer."""
    if now.state.terminal:
        return True
    return bool(if_none_match) and not names_tag(if_none_match, etag(now.version))


def json_answer(
    body: BaseModel, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """`body` as JSON, serialised here: FastAPI would validate again what was just built."""
    return Response(
        body.model_dump_json(), status_code=status, headers=headers, media_type="application/json"
    )


def following(
    request: Request, path: str, cursor: str | None, *query: tuple[str, str | int]
) -> str | None:
    """Path of the page that a cursor begins; None where there is no other."""
    if cursor is None:
        return None
    return f"{prefix_of(request)}{path}?{urlencode([*query, ('cursor', cursor)])}"


def page_answer(body: JobsBody | EvaluationsBody) -> Response:
    """A page as JSON, with the header `Link` to the next."""
    link = {"Link": f'<{body.next}>; rel="next"'} if body.next else {}
    return json_answer(body, headers=link)


def job_body(expected: Expected, request: Request) -> JobBody:
    """A job as it goes over HTTP."""
    return JobBody.of(expected.job, expected_s=expected.seconds, prefix=prefix_of(request))


def job_answer(
    expected: Expected,
    request: Request,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A job as JSON, with its validator."""
    body = job_body(expected, request)
    tag = {"ETag": etag(expected.job.version)}
    return json_answer(body, status=status, headers={**tag, **(headers or {})})
