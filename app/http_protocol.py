"""HTTP/1.1 as uvicorn speaks it, with an end to the patience that it has for heads of requests.

uvicorn itself waits for ever for a head, keeps as much of it as is sent, and answers what is no
HTTP in plain text. Start it with `--http app.http_protocol:HttpProtocol`.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from app.errors import HeadTimeout, HeadTooLarge, MalformedRequest
from app.problems import problem_response

MAX_HEAD_BYTES = 32 * 1024
HEAD_TIMEOUT_S = 20.0
LINGER_S = 20.0
"""For which the rest of a body is thrown away that was refused, so that its sender can read why."""


class HttpProtocol(HttpToolsProtocol):
    """One connection. What ends before a request was understood ends with a problem document."""

    head_timeout_s = HEAD_TIMEOUT_S
    linger_s = LINGER_S

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._in_head, self._complete, self._leaving = True, False, False
        self._head_bytes = self._parsed_bytes = 0
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """A client has connected; its first head is waited for from now on."""
        super().connection_made(transport)
        self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over."""
        self._end_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """More of the connection; counted as long as it may be a head."""
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(HeadTooLarge(MAX_HEAD_BYTES))

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._begin_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole header; what is raised here ends the parsing, and comes to `send_400_response`.

        A head that arrives at once is never seen unfinished, so headers are counted here too. One
        behind the body is left out: there it could pass a proxy that has looked at the head alone.
        """
        if self._in_head:
            super().on_header(name, value)
        self._parsed_bytes += len(name) + len(value)
        if self._parsed_bytes > MAX_HEAD_BYTES:
            raise HeadTooLarge(MAX_HEAD_BYTES)

    def on_url(self, url: bytes) -> None:
        """Some of the target."""
        super().on_url(url)
        self._parsed_bytes += len(url)

    def on_headers_complete(self) -> None:
        """A request begins; its body has limits of its own."""
        self._end_head()
        super().on_headers_complete()
        cast("Any", self.cycle).transport = _Parting(self.transport, self._part)

    def on_message_complete(self) -> None:
        """All of a request has come."""
        self._complete = True
        self._stop_waiting()
        super().on_message_complete()
        if self._leaving:
            self.transport.close()

    def on_response_complete(self) -> None:
        """All of an answer has been sent; of what is still to come of its request, not for ever."""
        super().on_response_complete()
        if not self._complete and not self.transport.is_closing():
            self._wait(self.linger_s, self.transport.close)

    def _part(self) -> None:
        """An answer is the last of its connection.

        Closed while bytes arrive, it would be reset, and the client would lose the answer.
        """
        if self._complete:
            self.transport.close()
        self._leaving = True

    def send_400_response(self, msg: str) -> None:
        """What was sent is no HTTP, or more of it than is read."""
        large = self._parsed_bytes > MAX_HEAD_BYTES
        self._refuse(HeadTooLarge(MAX_HEAD_BYTES) if large else MalformedRequest(msg))

    def _begin_head(self) -> None:
        self._in_head, self._complete = True, False
        self._head_bytes = self._parsed_bytes = 0
        self._wait(self.head_timeout_s, self._impatient)

    def _end_head(self) -> None:
        self._in_head = False
        self._stop_waiting()

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        self._stop_waiting()
        self._patience = self.loop.call_later(seconds, then)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _impatient(self) -> None:
        if self._head_bytes:
            self._refuse(HeadTimeout(self.head_timeout_s))
        else:
            self.transport.close()

    def _refuse(self, error: Exception) -> None:
        """Answers and closes; where another answer has begun, closes alone."""
        cycle = cast("RequestResponseCycle | None", self.cycle)  # uvicorn does not say so
        begun = cycle is not None and cycle.response_started and not cycle.response_complete
        if not (begun or self.transport.is_closing()):
            self.transport.write(_rendered(problem_response(error)))
        self.transport.close()


class _Parting:
    """A connection as an exchange sees it, but for how it is closed when that is over.

    Args:
        transport: The connection.
        part: Closes it, now or later.
    """

    def __init__(self, transport: asyncio.Transport, part: Callable[[], None]) -> None:
        self._transport = transport
        self.close = part

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def _rendered(response: Response) -> bytes:
    lines = [name + b": " + value for name, value in response.raw_headers]
    lines.append(b"connection: close")
    head = STATUS_LINE[response.status_code] + b"\r\n".join(lines)
    return head + b"\r\n\r\n" + bytes(response.body)
