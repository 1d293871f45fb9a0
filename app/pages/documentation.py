"""The API's documentation, and what each kind of problem means.

All assets come from this process. Swagger UI is the one in the wheel of fastapi-offline.
"""

from pathlib import Path

import fastapi_offline
from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.pages.file_answers import file_answer
from app.problem_kinds import KINDS

router = APIRouter(include_in_schema=False)

SWAGGER_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; font-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
OWN = Path(__file__).parent
SWAGGER_UI = Path(fastapi_offline.__file__).parent / "static"
ASSETS = {
    "docs.js": OWN / "static" / "docs.js",
    "swagger-ui.css": SWAGGER_UI / "swagger-ui.css",
    "swagger-ui-bundle.js": SWAGGER_UI / "swagger-ui-bundle.js",
}


@router.get("/docs")
async def docs(request: Request) -> Response:
    """Swagger UI over /openapi.json."""
    page = OWN / "templates" / "docs.html"
    return file_answer(request, page, {"Content-Security-Policy": SWAGGER_POLICY})


@router.get("/docs/{name}")
async def docs_asset(request: Request, name: str) -> Response:
    """A script or style sheet of the documentation."""
    if name not in ASSETS:
        raise HTTPException(404)
    return file_answer(request, ASSETS[name], {"Cache-Control": "max-age=3600"})


@router.get("/problems")
async def problem_kinds() -> Response:
    """Every kind of problem."""
    return JSONResponse({"problems": [_explained(slug) for slug in KINDS]})


@router.get("/problems/{slug}")
async def problem_kind(slug: str) -> Response:
    """What the `type` of a problem means."""
    if slug not in KINDS:
        raise HTTPException(404)
    return JSONResponse(_explained(slug))


def _explained(slug: str) -> dict[str, object]:
    kind = KINDS[slug]
    return {"type": kind.type, "title": kind.title, "status": kind.status, "about": kind.about}
