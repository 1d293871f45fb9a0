"""Is a certificate genuine? For people who have the file, and no command line."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.access.caller import CallerOf, require
from app.certificates.report import Report
from app.certificates.verification import verify
from app.multipart import boundary_of, read_parts
from app.pages.rendering import page
from app.routes.answers import ServicesOf
from app.routes.verify import MAX_BODY_BYTES
from jobs.caller import Caller

router = APIRouter(include_in_schema=False)

CERTIFICATE, IMAGE = "certificate", "image"


@router.get("/ui/verify")
async def verify_page(request: Request, caller: CallerOf) -> Response:
    """The form."""
    return _page(request, caller)


@router.post("/ui/verify")
async def verify_files(
    request: Request, services: ServicesOf, caller: Annotated[Caller, require("read")]
) -> Response:
    """What is to be said of a certificate, by this service's own keys, above the form."""
    sizes = {CERTIFICATE: MAX_BODY_BYTES, IMAGE: services.settings.max_upload_bytes}
    boundary = boundary_of(request.headers.get("content-type"))
    parts = await read_parts(request.stream(), boundary, max_bytes=sizes)
    found = {part.name: bytes(part.data) for part in parts}
    content, image = found.get(CERTIFICATE), found.get(IMAGE) or None
    if not content:
        return _page(request, caller, fault="choose the file of a certificate")
    check = partial(verify, content, services.signer.keys, image=image)
    return _page(request, caller, report=await services.images.in_turn(check, tenant=caller.tenant))


def _page(
    request: Request, caller: Caller, *, report: Report | None = None, fault: str | None = None
) -> Response:
    errors = {} if fault is None else {CERTIFICATE: [fault]}
    return page(
        request,
        "verify.html",
        status=422 if fault else 200,
        report=report,
        errors=errors,
        caller=caller,
    )
