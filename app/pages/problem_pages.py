"""Errors as pages, where a browser asked for a page."""

import json
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.pages.login import to_login
from app.pages.rendering import page
from app.problems import CONTENT_TYPE, problem_response

UNAUTHORISED = 401
KEPT = frozenset({"allow", "retry-after"})
"""Headers of a problem that its page has too."""


class ProblemPages:
    """Turns problems into pages at the addresses of pages; leaves all other answers alone.

    Whoever has to log in first is sent to where one does that.

    Args:
        app: What answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one connection, as ASGI has it."""
        if scope["type"] != "http" or not _is_page(scope):
            await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        try:
            await self._app(scope, receive, answer.send)
        except Exception as error:
            if answer.started:
                raise
            await problem_response(error)(scope, receive, answer.send)
        if answer.problem is not None:
            await _page(Request(scope), answer)(scope, receive, send)


class _Answer:
    """Passes an answer on, unless it is a problem."""

    def __init__(self, send: Send) -> None:
        self.started = False
        self.headers = Headers()
        self.problem: dict[str, Any] | None = None
        self._body = b""
        self._held = False
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.headers = Headers(raw=message["headers"])
            self._held = self.headers.get("content-type") == CONTENT_TYPE
        if not self._held:
            await self._send(message)
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                self.problem = json.loads(self._body)


def _is_page(scope: Scope) -> bool:
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    return path in ("/", "/ui") or path.startswith("/ui/")


def _page(request: Request, answer: _Answer) -> ASGIApp:
    problem = answer.problem or {}
    if problem["status"] == UNAUTHORISED and request.method == "GET":
        return to_login(request)
    kept = {name: value for name, value in answer.headers.items() if name in KEPT}
    return page(request, "problem.html", status=problem["status"], headers=kept, problem=problem)
