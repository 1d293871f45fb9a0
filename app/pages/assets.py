"""Style sheet, script and pictures, under names that change with their contents."""

import hashlib
from functools import cache
from pathlib import Path

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.pages.file_answers import file_answer

router = APIRouter(include_in_schema=False)

STATIC = Path(__file__).parent / "static"
FOR_EVER = "public, max-age=31536000, immutable"


@cache
def files() -> dict[str, Path]:
    """Every file that is served, by its path below `static`."""
    found = sorted(path for path in STATIC.rglob("*") if path.is_file())
    return {path.relative_to(STATIC).as_posix(): path for path in found}


@cache
def fingerprint() -> str:
    """Digest over all names and contents; part of every address."""
    digest = hashlib.sha256()
    for name, path in files().items():
        content = path.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


@router.get("/static/{made_of}/{name:path}")
async def static_file(request: Request, made_of: str, name: str) -> Response:
    """A file of this version; a page of another version gets it too, but may not keep it."""
    if name not in files():
        raise HTTPException(404)
    lasting = FOR_EVER if made_of == fingerprint() else "no-cache"
    return file_answer(request, files()[name], {"Cache-Control": lasting})
