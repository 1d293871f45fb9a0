"""Files of this package as answers."""

import hashlib
import mimetypes
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from app.routes.answers import names_tag


def file_answer(request: Request, path: Path, headers: Mapping[str, str]) -> Response:
    """A file, or 304 to who has it; always all of it.

    Starlette's own answer knows no 304, and tells in plain text what is wrong with a range.

    Args:
        request: Who asks.
        path: A file that does not change while the process lives.
        headers: What else the answer says.
    """
    content, tag = _read(path)
    said = {**headers, "ETag": tag}
    if names_tag(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=said)
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Response(content, media_type=kind, headers=said)


@cache
def _read(path: Path) -> tuple[bytes, str]:
    content = path.read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'
