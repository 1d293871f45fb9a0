"""What a verifier needs from the service, open to everybody: its public keys, and a schema."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from app.certificates.keys import key_set
from app.certificates.schema import SCHEMA_PATH, json_schema
from app.openapi import problems
from app.routes.answers import ServicesOf

router = APIRouter(tags=["certificates"])

_OBJECT: dict[str, Any] = {"type": "object"}


@router.get(
    "/.well-known/jwks.json",
    summary="The keys that certificates are signed with",
    responses={
        200: {
            "description": "A JWK set (RFC 7517), newest first; `exp` is when a key was retired.",
            "content": {"application/jwk-set+json": {"schema": _OBJECT}},
        },
        **problems(),
    },
)
async def jwks(services: ServicesOf) -> Response:
    """The public halves, those of retired keys too; no key where nothing is signed."""
    return JSONResponse(
        key_set(services.signer.keys),
        media_type="application/jwk-set+json",
        headers={"Cache-Control": "public, max-age=300"},
    )


@router.get(
    SCHEMA_PATH,
    summary="The JSON Schema of a certificate",
    responses={
        200: {
            "description": "JSON Schema 2020-12.",
            "content": {"application/schema+json": {"schema": _OBJECT}},
        },
        **problems(),
    },
)
async def certificate_schema() -> Response:
    """What a certificate document looks like, in each mode."""
    return JSONResponse(
        json_schema(),
        media_type="application/schema+json",
        headers={"Cache-Control": "public, max-age=3600"},
    )
