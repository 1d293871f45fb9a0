"""The real application behind a real server on loopback, for what no HTTP client would send."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.http_protocol import HttpProtocol
from app.main import create_app
from app.services import build_services
from app.settings import AppSettings
from jobs.connection import make_redis
from tests.app.acting import QuietWaker
from tests.app.conftest import (  # noqa: F401 - fixtures
    anyio_backend,
    model_store,
    picture,
    problem,
    redis_url,
    serve,
    service,
    worker,
)
from tests.serving import serving

ANSWERS_WITHIN_S = 5.0


class Impatient(HttpProtocol):
    """Waits for heads as long as a test likes to."""

    head_timeout_s = 0.3
    linger_s = 0.3


@dataclass(frozen=True)
class Answer:
    """What came back over a connection."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        """The problem's slug; checks that it is a whole problem."""
        assert self.headers["content-type"] == "application/problem+json", self
        said = json.loads(self.body)
        assert said["status"] == self.status < 500
        assert said["detail"]
        return said["type"].removeprefix("/problems/")


@dataclass(frozen=True)
class Wire:
    """Raw connections to the service."""

    port: int

    async def say(self, *pieces: bytes, pause_s: float = 0, half_close: bool = False) -> Answer:
        """Sends pieces and reads one answer, which has to come soon."""
        (answer,) = await self.converse(*pieces, pause_s=pause_s, half_close=half_close)
        return answer

    async def converse(
        self, *pieces: bytes, pause_s: float = 0, half_close: bool = False, answers: int = 1
    ) -> list[Answer]:
        """Sends pieces and reads answers, until the service closes or there are so many."""
        async with asyncio.timeout(ANSWERS_WITHIN_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            sending = asyncio.create_task(_send(writer, pieces, pause_s, half_close=half_close))
            found: list[Answer] = []
            while len(found) < answers and (answer := await _read(reader)):
                found.append(answer)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
            return found

    async def say_all_first(self, *pieces: bytes) -> Answer | None:
        """Sends pieces, and only then looks for an answer; None when the connection was reset."""
        async with asyncio.timeout(ANSWERS_WITHIN_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.transport.pause_reading()
            try:
                await _send(writer, pieces, 0, half_close=False)
                writer.transport.resume_reading()
                return await _read(reader)
            except ConnectionError:
                return None
            finally:
                writer.close()
                await asyncio.gather(writer.wait_closed(), return_exceptions=True)

    async def lasts(self, *pieces: bytes, pause_s: float = 0) -> float:
        """Seconds until the service closes a connection over which this is sent."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        await self.converse(*pieces, pause_s=pause_s, answers=1_000)
        return loop.time() - began


async def _send(
    writer: asyncio.StreamWriter, pieces: tuple[bytes, ...], pause_s: float, *, half_close: bool
) -> None:
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(pause_s)
    if half_close:
        writer.write_eof()


async def _read(reader: asyncio.StreamReader) -> Answer | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    headers = {name.lower(): value for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Answer(int(first.split()[1]), headers, body)


@pytest.fixture(scope="module")
def wire(running_server: Any, model_store: Path) -> Iterator[Wire]:  # noqa: F811
    """The service on a port, with small limits; in a thread, as long as the module's tests."""
    with make_redis(running_server.url) as connection:
        connection.flushall()
    settings = AppSettings(
        redis_url=running_server.url,
        model_store_dir=model_store,
        max_upload_bytes=100_000,
        body_timeout_s=0.5,
    )
    app = create_app(build_services(settings, waker=QuietWaker()))
    with serving(app, http=Impatient) as port:
        yield Wire(port)
