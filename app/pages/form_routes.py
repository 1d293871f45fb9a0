"""The form: how it is shown, and what becomes of what is sent with it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from app import certifications, parameters
from app.access.caller import CallerOf
from app.errors import AppError, FieldError, InvalidRequest
from app.images import PreparedUpload
from app.multipart import Part, boundary_of, read_parts
from app.pages.form import EXAMPLES, FILE, entered_before, form_view
from app.pages.lookup import job_if_any
from app.pages.modes import unread_by
from app.pages.rendering import page
from app.parameters import IMAGE, MAX_TEXT_BYTES, TEXT_FIELDS
from app.problem_kinds import KINDS
from app.problems import Problem, problem_of
from app.routes.answers import ServicesOf, own_job, prefix_of
from app.services import Services
from jobs import store
from jobs.caller import Caller
from jobs.errors import JobsError
from jobs.record import Job
from model_store.errors import ModelStoreError

router = APIRouter(include_in_schema=False)

SOURCE = "source"
COUNTS = frozenset({"n", "n0", "family_size"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """What came with the form.

    Attributes:
        texts: Of the fields that are not empty.
        source: Where the image is to come from, unless there is a file.
        file: The visitor's own file; None for none.
    """

    texts: Mapping[str, str] = field(default_factory=dict[str, str])
    source: str = FILE
    file: bytes | None = None


@router.get("/")
async def home(request: Request, services: ServicesOf, caller: CallerOf) -> Response:
    """The form; `?from=<job>` fills it with what that job was asked, other fields go over it."""
    query = request.query_params
    entered = {name: query[name] for name in TEXT_FIELDS if name in query}
    job = await job_if_any(services, caller, query.get("from"))
    if job is None:
        view = await form_view(services, entered=entered, source=query.get(SOURCE, FILE))
    else:
        again = job.spec.id
        entered = {**entered_before(job), **entered}
        view = await form_view(services, entered=entered, source=again, again=again)
    return page(request, "form.html", form=view, caller=caller)


@router.post("/ui/jobs")
async def ask(request: Request, services: ServicesOf, caller: CallerOf) -> Response:
    """To the page of the job that answers; or the form again, with all that is wrong with it."""
    entered = Entered()
    try:
        entered = await _entered(request, services)
        job = await _submit(entered, services, caller)
    except (AppError, JobsError, ModelStoreError) as error:
        return await _form_again(request, services, caller, entered, problem_of(error))
    return RedirectResponse(f"{prefix_of(request)}/ui/jobs/{job.spec.id}", status_code=303)


async def _entered(request: Request, services: Services) -> Entered:
    sizes = parameters.field_sizes(services.settings.max_upload_bytes)
    boundary = boundary_of(request.headers.get("content-type"))
    sizes[SOURCE] = MAX_TEXT_BYTES
    parts = await read_parts(request.stream(), boundary, max_bytes=sizes)
    found = {part.name: bytes(part.data) for part in parts}
    texts = {
        name: found[name].decode("utf-8", errors="replace").strip()
        for name in (*TEXT_FIELDS, SOURCE)
        if name in found
    }
    source = texts.pop(SOURCE, FILE)
    # Where no file was chosen browsers send one without a name.
    chosen = any(part.name == IMAGE and (part.filename or part.data) for part in parts)
    return Entered(
        texts={name: _ungrouped(name, text) for name, text in texts.items() if text},
        source=source,
        file=found[IMAGE] if chosen else None,
    )


def _ungrouped(name: str, text: str) -> str:
    """A count without the commas between thousands, with which the pages write it."""
    grouped = name in COUNTS and re.fullmatch(r"\d{1,3}(,\d{3})+", text, re.ASCII)
    return text.replace(",", "") if grouped else text


async def _submit(entered: Entered, services: Services, caller: Caller) -> Job:
    """A form has every field; those that the mode does not read are no part of the question."""
    unread = unread_by(entered.texts.get("mode", ""))
    asked = {name: text for name, text in entered.texts.items() if name not in unread}
    source = entered.source if entered.file is None else FILE
    example = next((each.path for each in EXAMPLES if each.name == source), None)
    earlier = None
    image = example.read_bytes() if example else entered.file
    if source != FILE and example is None:
        earlier = await own_job(services, caller, source)
    parts = [Part(name=name, data=bytearray(text.encode())) for name, text in asked.items()]
    if image is not None or earlier:
        parts.append(Part(name=IMAGE, data=bytearray(image or b"")))
    wanted = parameters.read_form(
        parts, registry=services.registry, max_draws=services.settings.max_draws
    )
    upload = None if earlier is None else await _upload_of(earlier, wanted, services, caller)
    accepted = await certifications.submit(wanted, services, caller, upload=upload)
    return accepted.expected.job


async def _upload_of(
    job: Job, wanted: parameters.CertifyRequest, services: Services, caller: Caller
) -> PreparedUpload:
    """The certified tensor of an earlier job, for a model that would make the same of its image."""
    tensor = await services.runner.run(store.tensor(job.spec.id, tenant=caller.tenant))
    before = services.registry.get(job.spec.model.id).preprocessing
    now = wanted.card.preprocessing
    same = (before.size, before.resize, before.resize_shorter) == (
        now.size,
        now.resize,
        now.resize_shorter,
    )
    if tensor is None or not same:
        detail = "the earlier job's is gone, or this model takes images otherwise; choose the file"
        raise InvalidRequest([FieldError(field=IMAGE, value=job.spec.id, detail=detail)])
    return PreparedUpload(ref=job.spec.image, tensor=tensor)


async def _form_again(
    request: Request, services: Services, caller: Caller, entered: Entered, problem: Problem
) -> Response:
    earlier = await job_if_any(services, caller, entered.source)
    view = await form_view(
        services,
        entered=entered.texts,
        source=entered.source,
        again=earlier and earlier.spec.id,
        problem=problem,
        file_lost=entered.file is not None,
    )
    return page(
        request,
        "form.html",
        status=KINDS[problem.kind].status,
        headers=problem.headers,
        form=view,
        caller=caller,
    )
