"""Commands of many tasks on one connection: each gets its own answer, and fails alone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import redis.asyncio
from redis import exceptions

from jobs.connection import make_async_redis
from jobs.together import LONG_BYTES, Together

pytestmark = pytest.mark.redis


class _Counting(Together):
    """Notes how many commands went together."""

    def __init__(self, client: redis.asyncio.Redis, *, timeout_s: float = 1.0) -> None:
        super().__init__(client, timeout_s=timeout_s)
        self.sizes: list[int] = []
        self.begun = asyncio.Event()

    async def _send_together(self, commands: list[Any]) -> None:
        self.sizes.append(len(commands))
        self.begun.set()
        await super()._send_together(commands)


@asynccontextmanager
async def _counting(url: str, *, timeout_s: float = 1.0) -> AsyncIterator[_Counting]:
    async with make_async_redis(url) as client:
        yield _Counting(client, timeout_s=timeout_s)


def _at(server: str, work: Callable[[_Counting], Awaitable[None]]) -> None:
    async def run() -> None:
        async with _counting(server) as client:
            await work(client)

    asyncio.run(run())


def test_what_is_asked_at_the_same_time_goes_together_and_each_has_its_own_answer(
    server: str,
) -> None:
    async def ask(client: _Counting) -> None:
        answers = await asyncio.gather(*(client.execute_command("ECHO", n) for n in range(100)))

        assert answers == [str(n).encode() for n in range(100)]
        assert client.sizes == [100]

    _at(server, ask)


def test_what_is_asked_meanwhile_goes_next(server: str) -> None:
    async def ask(client: _Counting) -> None:
        first = asyncio.create_task(client.execute_command("ECHO", "first"))
        await client.begun.wait()
        later = [client.execute_command("ECHO", n) for n in (1, 2)]

        assert await asyncio.gather(first, *later) == [b"first", b"1", b"2"]
        assert client.sizes == [1, 2]

    _at(server, ask)


def test_an_error_is_that_of_one_command(server: str) -> None:
    async def ask(client: _Counting) -> None:
        good, unknown, unsendable = await asyncio.gather(
            client.execute_command("ECHO", "good"),
            client.execute_command("EVALSHA", "0" * 40, 0),
            client.execute_command("ECHO", "\udcff"),
            return_exceptions=True,
        )

        assert good == b"good"
        assert isinstance(unknown, exceptions.NoScriptError)
        assert isinstance(unsendable, UnicodeEncodeError)

    _at(server, ask)


def test_a_long_command_goes_by_itself(server: str) -> None:
    async def ask(client: _Counting) -> None:
        long = "x" * (LONG_BYTES + 1)

        assert await client.execute_command("ECHO", long) == long.encode()
        assert client.sizes == []

    _at(server, ask)


def test_whoever_gives_up_takes_nobody_along(server: str) -> None:
    async def ask(client: _Counting) -> None:
        leaving = asyncio.create_task(client.execute_command("ECHO", "leaving"))
        staying = asyncio.create_task(client.execute_command("ECHO", "staying"))
        await asyncio.sleep(0)
        leaving.cancel()

        assert await staying == b"staying"
        assert leaving.cancelled()

    _at(server, ask)


def test_a_server_that_hangs_is_given_up_and_asked_anew() -> None:
    async def run() -> None:
        asked = 0

        async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal asked
            asked += 1
            await reader.read(-1)
            writer.close()

        silent = await asyncio.start_server(hang, "127.0.0.1", 0)
        port = silent.sockets[0].getsockname()[1]
        async with silent, _counting(f"redis://127.0.0.1:{port}", timeout_s=0.1) as client:
            for _ in range(2):
                with pytest.raises(exceptions.TimeoutError):
                    await client.execute_command("PING")
        assert asked == 2

    asyncio.run(run())
