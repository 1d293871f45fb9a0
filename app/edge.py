"""The outermost layer: names each request, logs it, and answers what nobody else did."""

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import echo
from app.problems import problem_response
from app.request_id import HEADER, begin_request
from app.telemetry.metrics import observe_request
from jobs.logs import also_concerns

logger = logging.getLogger(__name__)

QUIET_PATHS = frozenset({"/livez", "/healthz", "/readyz", "/metrics"})
ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
USUALLY = {
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"cache-control": b"no-store",
}
"""Where an answer does not say otherwise."""


class Edge:
    """Wraps all other middleware, so that nothing leaves without an id and security headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one connection, as ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        try:
            await self._app(scope, receive, exchange.send)
        except Exception as error:  # the edge of a request
            if exchange.status is None:
                await problem_response(error)(scope, receive, exchange.send)
            else:
                logger.exception("answer broke off")
                raise
        finally:
            exchange.log()


class _Exchange:
    """One request and what was answered."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.status: int | None = None
        self._scope = scope
        self._send = send
        self._began = time.perf_counter()
        offered = [value for name, value in scope["headers"] if name == HEADER]
        self._request_id = begin_request(offered[0].decode("latin-1") if offered else None)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            said = dict(message["headers"])
            usual = [each for each in USUALLY.items() if each[0] not in said]
            named = (HEADER, self._request_id.encode())
            message["headers"] = [*message["headers"], named, *ALWAYS, *usual]
        await self._send(message)

    def log(self) -> None:
        path, seconds = self._scope["path"], time.perf_counter() - self._began
        route = getattr(self._scope.get("route"), "path_format", None)
        observe_request(self._scope["method"], route, self.status, seconds)
        job_id = self._scope.get("path_params", {}).get("job_id")
        also_concerns(job_id=None if job_id is None else echo(job_id))
        logger.log(
            logging.DEBUG if path in QUIET_PATHS else logging.INFO,
            "request",
            extra={
                "method": self._scope["method"],
                "path": echo(path),
                "status": self.status,
                "duration_ms": round(1000 * seconds, 1),
            },
        )
