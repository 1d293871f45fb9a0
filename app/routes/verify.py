"""POST /verify: is a certificate genuine, and does it prove what it says?"""

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from app.access.caller import require
from app.bodies import Body
from app.certificates.canonical import MAX_BYTES
from app.certificates.verification import verify
from app.errors import BodyTooLarge, MalformedRequest
from app.openapi import problems
from app.routes.answers import ServicesOf, json_answer
from jobs.caller import Caller

router = APIRouter(tags=["certificates"])

MAX_BODY_BYTES = 2 * MAX_BYTES
_ANYTHING: dict[str, Any] = {"schema": {}}


class CheckBody(Body):
    """One question about a certificate."""

    name: str = Field(
        description="form, signature, schema, counts, claim, figures or words; as far as the "
        "earlier ones let the later be asked."
    )
    passed: bool | None = Field(description="Null where it cannot be told from what is there.")
    detail: str


class ReportBody(Body):
    """All that was asked of a certificate."""

    outcome: Literal["valid", "invalid", "unchecked"] = Field(
        description="invalid: something is wrong; unchecked: nothing is, and something could not "
        "be told, such as who made a certificate that is not signed."
    )
    statement: str | None = Field(
        description="What the certificate claims; null unless the signature is genuine and nothing "
        "is wrong."
    )
    checks: list[CheckBody]


@router.post(
    "/verify",
    response_model=ReportBody,
    summary="Verify a certificate",
    responses=problems("cross-site-request", "body-timeout", "too-many-uploads"),
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "A certificate, byte for byte as it was served.",
            "content": {"application/json": _ANYTHING, "application/jose": _ANYTHING},
        }
    },
)
async def post_verify(
    request: Request,
    services: ServicesOf,
    _caller: Annotated[Caller, require("read")],
) -> Response:
    """Signature, and all that the certificate says recomputed from its counts.

    It trusts this service's own keys. `dmae verify` does the same without any service, and checks
    the image and the model too.
    """
    content = await _body(request)
    report = await asyncio.to_thread(verify, content, services.signer.keys)
    return json_answer(ReportBody.model_validate(report.as_json()))


async def _body(request: Request) -> bytes:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BODY_BYTES:
            raise BodyTooLarge(declared=None, limit=MAX_BODY_BYTES)
    if not content:
        raise MalformedRequest("the body must be a certificate, it is empty")
    return bytes(content)
