"""A receiver on loopback that behaves as it is told, and a service that may call it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.background import in_background
from app.webhooks.allow import AllowList, parse_entry
from app.webhooks.courier import Courier, Pace
from app.webhooks.sender import Sender
from tests.app.conftest import (  # noqa: F401 - fixtures
    anyio_backend,
    make_key,
    model_store,
    picture,
    problem,
    redis_url,
    serve,
    service,
    worker,
)
from tests.webhooks.posting import post, running  # noqa: F401 - fixtures


@dataclass
class Call:
    """One request that a receiver got."""

    head: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """Answers each request with the next of its answers, the last one for ever."""

    answers: list[bytes] = field(default_factory=lambda: [answer(204)])
    pause_s: float = 0.0
    calls: list[Call] = field(default_factory=list)
    port: int = 0
    called: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def entry(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def allow(self) -> AllowList:
        return AllowList([parse_entry(self.entry)])

    async def wait_for(self, count: int, *, seconds: float = 5) -> None:
        async with asyncio.timeout(seconds):
            while len(self.calls) < count:
                self.called.clear()
                await self.called.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            headers = {
                name.lower(): value for name, _, value in (line.partition(": ") for line in lines)
            }
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.calls.append(Call(first, headers, body))
            self.called.set()
            mine = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            await asyncio.sleep(self.pause_s)
            writer.write(mine)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass


def answer(status: int, *, body: bytes = b"", **headers: str) -> bytes:
    """An HTTP answer as bytes."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *lines]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.fixture
def answering() -> Callable[..., bytes]:
    """Makes HTTP answers."""
    return answer


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(handler: Handler, **options: Any) -> AsyncIterator[int]:
    """The port on loopback at which a handler serves; nothing of it is left behind."""
    tasks: set[asyncio.Task[Any]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(asyncio.CancelledError):
            await handler(reader, writer)
        writer.close()
        with suppress(OSError, asyncio.CancelledError):
            await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, **options)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)


@pytest.fixture
def listen() -> Callable[..., Any]:
    """Serves a handler on loopback."""
    return listening


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver that answers 204."""
    receiver = Receiver()
    async with listening(receiver.serve) as receiver.port:
        yield receiver


@pytest.fixture
async def hooked(serve: Callable[..., Any], receiver: Any) -> Any:  # noqa: F811
    """A service that may call the receiver."""
    return await serve(webhook_allow=receiver.entry)


@pytest.fixture
async def deliver() -> AsyncIterator[Callable[[Any], Any]]:
    """Lets a service's courier work until the test is over, in a hurry."""
    async with AsyncExitStack() as at_work:

        async def start(serving: Any) -> None:
            services = serving.services
            courier = Courier(
                runner=services.runner,
                sender=Sender(services.receivers),
                server_secret=services.secret.read,
                pace=Pace(poll_s=0.02, patience_s=0.1),
            )
            await at_work.enter_async_context(in_background([courier.run()], again_s=0.2))

        yield start


@pytest.fixture(scope="session")
def tenant_secret() -> Callable[[Any], Awaitable[str]]:
    """What a service signs with."""

    async def ask(serving: Any) -> str:
        return (await serving.http.get("/webhooks/secret")).json()["secret"]

    return ask
