"""Browser sessions: a random token in a cookie stands for an API key, until it is closed."""

import secrets

from starlette.requests import Request
from starlette.responses import Response

from app.access.keys import SECRET_BYTES, digest
from app.access.presented import COOKIE, read
from app.prompt_runner import PromptRunner
from jobs import api_keys

SESSION_S = 12 * 3600


async def open_session(
    request: Request, response: Response, *, key_id: str, runner: PromptRunner
) -> None:
    """Give the browser that gets this response a session.

    The cookie is sent by no page of another site, read by no script, and over https where the
    request came so. The session ends with its key, or after half a day.

    Args:
        request: The one answered.
        response: Gets the cookie.
        key_id: Of a key that was just shown to open something.
        runner: Where sessions are kept, by a digest.

    Raises:
        StoreUnavailable: Redis is away.
    """
    token = secrets.token_urlsafe(SECRET_BYTES)
    await runner.run(api_keys.open_session(digest(token), key_id, seconds=SESSION_S))
    response.set_cookie(
        COOKIE,
        token,
        max_age=SESSION_S,
        path=request.scope.get("root_path") or "/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )


async def close_session(request: Request, response: Response, *, runner: PromptRunner) -> None:
    """Forget the session of this request, and let the browser forget its cookie.

    Raises:
        StoreUnavailable: Redis is away.
    """
    token = read(request.scope).session
    if token is not None:
        await runner.run(api_keys.close_session(digest(token)))
    response.delete_cookie(COOKIE, path=request.scope.get("root_path") or "/")
