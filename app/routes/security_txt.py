"""/.well-known/security.txt: whom to tell of a vulnerability (RFC 9116)."""

from datetime import UTC, datetime, timedelta

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from app.routes.answers import ServicesOf

router = APIRouter(include_in_schema=False)

VALID = timedelta(days=180)


@router.get("/.well-known/security.txt")
async def security_txt(services: ServicesOf) -> Response:
    """The operator's contact, if they gave one; valid for half a year from each reading."""
    contact = services.settings.security_contact
    if contact is None:
        raise HTTPException(404)
    expires = (datetime.now(UTC) + VALID).strftime("%Y-%m-%dT%H:%M:%SZ")
    return PlainTextResponse(
        f"Contact: {contact}\nExpires: {expires}\nPreferred-Languages: en\n",
        headers={"Cache-Control": "max-age=86400"},
    )
