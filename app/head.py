"""HEAD, wherever there is GET (RFC 9110, 9.3.2): monitors, link checkers and caches ask so."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

NOTHING: Message = {"type": "http.response.body", "body": b"", "more_body": False}


class HeadAsGet:
    """Answers HEAD as GET would be answered, without the body.

    Args:
        app: What answers GET.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one connection, as ASGI has it."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        # The server looks at its own scope to leave the body out, so that is not changed.
        asked = {**scope, "method": "GET"}
        exchange = _Exchange(send)
        try:
            await self._app(asked, exchange.receive, exchange.send)
        finally:
            scope.update({**asked, "method": "HEAD"})  # with the route, which is logged


class _Exchange:
    """Ends with the headers, as if the client had left then: a stream would go on for minutes."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._asked = False
        self._answered = asyncio.Event()

    async def receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._answered.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._send(message)
            await self._send(NOTHING)
            self._answered.set()
