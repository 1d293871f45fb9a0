"""/jobs/<id>/certificate and /report: a certificate in the forms in which it leaves the service."""

import base64
import hashlib
from typing import Annotated

from fastapi import APIRouter, Header
from starlette.requests import Request
from starlette.responses import Response

from app.access.caller import CallerOf
from app.certificates.printed import POLICY, Printed, printed
from app.certificates.schema import SCHEMA_PATH
from app.openapi import problems
from app.openapi_parts import text_value
from app.routes.answers import JobId, ServicesOf, names_tag
from app.routes.finished import FAULTS, finished
from jobs import store

router = APIRouter(prefix="/jobs", tags=["certificates"])

JSON = "application/json"
JOSE = "application/jose"
_TAGGED = {
    "ETag": text_value("Of these bytes."),
    "Vary": text_value("`Accept`: another form has other bytes."),
}
_HEADERS = {
    **_TAGGED,
    "Repr-Digest": text_value("SHA-256 of these bytes (RFC 9530)."),
    "Content-Disposition": text_value("A name for the file."),
}
_TEXT = {"schema": {"type": "string"}}
_DOCUMENT = {"schema": {"type": "object", "externalDocs": {"url": SCHEMA_PATH}}}
_SAME = {"description": "These bytes are known.", "headers": _TAGGED}

Accept = Annotated[
    str | None,
    Header(alias="Accept", description=f"`{JOSE}` for the compact JWS; JSON else."),
]
IfNoneMatch = Annotated[
    str | None, Header(alias="If-None-Match", description="The ETag of an earlier answer.")
]


@router.get(
    "/{job_id}/certificate",
    summary="The certificate alone",
    responses={
        200: {
            "description": "The document, with its signature where the service has a key; an "
            "abstention has one too. Its bytes are those of RFC 8785.",
            "content": {JSON: _DOCUMENT, JOSE: _TEXT},
            "headers": _HEADERS,
        },
        304: _SAME,
        **problems(*FAULTS, "not-signed"),
    },
)
async def get_certificate(
    job_id: JobId,
    services: ServicesOf,
    caller: CallerOf,
    accept: Accept = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The document whose every number follows from the votes in it, recomputed before it is sent.

    Verify it with `dmae verify FILE`, or POST /verify.
    """
    _, document = await finished(services, caller, job_id)
    if _wants_jose(accept):
        text, kind = services.signer.signed(document).compact(), JOSE
    else:
        text, kind = services.signer.text(document), JSON
    return _download(text, kind, name=job_id, if_none_match=if_none_match)


@router.get(
    "/{job_id}/certificate.jws",
    summary="The certificate as a compact JWS",
    responses={
        200: {
            "description": "Signed by Ed25519 over the canonical JSON of the document.",
            "content": {JOSE: _TEXT},
            "headers": _HEADERS,
        },
        304: _SAME,
        **problems(*FAULTS, "not-signed"),
    },
)
async def get_jws(
    job_id: JobId, services: ServicesOf, caller: CallerOf, if_none_match: IfNoneMatch = None
) -> Response:
    """What `Accept: application/jose` gives, at an address of its own."""
    _, document = await finished(services, caller, job_id)
    text = services.signer.signed(document).compact()
    return _download(text, JOSE, name=job_id, if_none_match=if_none_match)


@router.get(
    "/{job_id}/report",
    summary="The certificate as a page to print",
    responses={
        200: {
            "description": "One HTML file that loads nothing.",
            "content": {"text/html": _TEXT},
        },
        **problems(*FAULTS),
    },
)
async def get_report(
    request: Request, job_id: JobId, services: ServicesOf, caller: CallerOf
) -> Response:
    """What is claimed and what is not, in words and figures, for people."""
    job, document = await finished(services, caller, job_id)
    tensor = await services.runner.run(store.tensor(job_id, tenant=caller.tenant))
    text = services.signer.text(document)
    page = printed(
        Printed(
            job_id=job_id,
            document=services.signer.presented(document),
            labels=job.spec.model.labels,
            certificate_sha256=hashlib.sha256(text).hexdigest(),
            kid=services.signer.signing_kid,
            tensor=tensor,
            service=str(request.base_url).rstrip("/"),
        )
    )
    return Response(
        page,
        media_type="text/html",
        headers={"Content-Security-Policy": POLICY, "Cache-Control": "private, no-cache"},
    )


def _wants_jose(accept: str | None) -> bool:
    wanted = [each.partition(";")[0].strip().lower() for each in (accept or "").split(",")]
    return JOSE in wanted and JSON not in wanted


def _download(text: bytes, kind: str, *, name: str, if_none_match: str | None) -> Response:
    digest = hashlib.sha256(text).digest()
    tag = f'"{digest.hex()[:32]}"'
    headers = {"ETag": tag, "Vary": "Accept", "Cache-Control": "private, no-cache"}
    if names_tag(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    suffix = "json" if kind == JSON else "jws"
    headers |= {
        "Repr-Digest": f"sha-256=:{base64.b64encode(digest).decode('ascii')}:",
        "Content-Disposition": f'attachment; filename="{name}.certificate.{suffix}"',
    }
    return Response(text, media_type=kind, headers=headers)
