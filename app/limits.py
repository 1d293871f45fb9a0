"""No request may be longer, or arrive slower, than it is allowed to: before anything is kept."""

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import BodyTimeout, BodyTooLarge
from app.problems import problem_response


class BodyLimit:
    """Refuses bodies that are too long or too slow, whether they say so or come in chunks.

    Args:
        app: What is protected.
        max_bytes: Longest body.
        timeout_s: Longest time between the first byte of the head and the last of the body.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int, timeout_s: float) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one connection, as ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = _declared(Headers(scope=scope))
        if declared is not None and declared > self._max_bytes:
            # The connection stays open: closing it while bytes arrive would reset it, and the
            # client would lose this answer. The server discards what still comes.
            error = BodyTooLarge(declared=declared, limit=self._max_bytes)
            await problem_response(error)(scope, receive, send)
            return
        counter = _Counter(receive, max_bytes=self._max_bytes, timeout_s=self._timeout_s)
        await self._app(scope, counter.receive, send)


class _Counter:
    def __init__(self, receive: Receive, *, max_bytes: int, timeout_s: float) -> None:
        self._receive = receive
        self._left = max_bytes
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._ends = asyncio.get_running_loop().time() + timeout_s
        self._complete = False

    async def receive(self) -> Message:
        if self._complete:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._ends):
                message = await self._receive()
        except TimeoutError as error:
            raise BodyTimeout(self._timeout_s) from error
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise BodyTooLarge(declared=None, limit=self._max_bytes)
        self._complete = not message.get("more_body", False)
        return message


def _declared(headers: Headers) -> int | None:
    text = headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else None
