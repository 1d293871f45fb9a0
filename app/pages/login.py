"""Logging in with an API key, for people whose service asks for one."""

from urllib.parse import parse_qs, quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.access.errors import KeyRefused, TooManyGuesses
from app.access.sessions import close_session, open_session
from app.errors import BodyTooLarge
from app.pages.rendering import page
from app.routes.answers import ServicesOf, prefix_of

router = APIRouter(include_in_schema=False)

MAX_FORM_BYTES = 4096
HOME = "/"


def to_login(request: Request) -> Response:
    """Where a page sends somebody who has to log in first; they come back to it after."""
    path = request.url.path.removeprefix(prefix_of(request)) or HOME
    here = quote(f"{path}?{request.url.query}" if request.url.query else path)
    return RedirectResponse(f"{prefix_of(request)}/ui/login?next={here}", status_code=303)


@router.get("/ui/login")
async def login_page(request: Request) -> Response:
    """The form."""
    return page(request, "login.html", next=_own(request.query_params.get("next")), error=None)


@router.post("/ui/login")
async def log_in(request: Request, services: ServicesOf) -> Response:
    """Opens a session with the form's key, and goes to where one wanted to go."""
    form = await _form(request)
    target = _own(form.get("next"))
    address = request.client.host if request.client else None
    try:
        caller = await services.authenticator.holder(form.get("key", "").strip(), address=address)
    except (KeyRefused, TooManyGuesses) as error:
        many = isinstance(error, TooManyGuesses)
        return page(
            request, "login.html", status=429 if many else 401, next=target, error=str(error)
        )
    response = RedirectResponse(prefix_of(request) + target, status_code=303)
    if caller.key_id is not None:
        await open_session(request, response, key_id=caller.key_id, runner=services.runner)
    return response


@router.post("/ui/logout")
async def log_out(request: Request, services: ServicesOf) -> Response:
    """Ends the session."""
    response = RedirectResponse(f"{prefix_of(request)}/ui/login", status_code=303)
    await close_session(request, response, runner=services.runner)
    return response


def _own(path: str | None) -> str:
    # A browser takes a second slash or backslash for the beginning of another host.
    if path is None or not path.startswith("/") or path[1:2] in {"/", "\\"}:
        return HOME
    return path if path.isprintable() else HOME


async def _form(request: Request) -> dict[str, str]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise BodyTooLarge(declared=None, limit=MAX_FORM_BYTES)
    fields = parse_qs(body.decode("utf-8", errors="replace"))
    return {name: values[0] for name, values in fields.items()}
