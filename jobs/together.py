"""Commands that come at the same time, sent together: one write and one reading for many."""

import asyncio
from typing import Any

import redis.asyncio
from redis import exceptions

from jobs.command import AsyncClient

LONG_BYTES = 4096
"""A command of more goes by itself. A server reads 16 KiB of a connection at a time, and one that
syncs each write syncs for each reading: long ones one after the other would wait for the disk."""

_Command = tuple[list[Any], asyncio.Future[Any]]


class Together:
    """A client for many tasks at once; what they send while an answer is awaited goes together.

    Args:
        client: What sends. It need not look at the time.
        timeout_s: Longest wait for the answers of what was sent together.
    """

    def __init__(self, client: redis.asyncio.Redis, *, timeout_s: float = 1.0) -> None:
        self._client = client
        self._alone: AsyncClient = client
        self._timeout_s = timeout_s
        self._waiting: list[_Command] = []
        self._sending: asyncio.Task[None] | None = None

    async def execute_command(self, name: str, *args: Any) -> Any:
        """Redis' answer to one command. One that takes long is for its caller to give up.

        Raises:
            RedisError: As the client does.
        """
        # Encoded here, so that what cannot be sent fails alone.
        encoded = [each.encode() if isinstance(each, str) else each for each in args]
        if sum(len(each) for each in encoded if isinstance(each, bytes)) > LONG_BYTES:
            return await self._alone.execute_command(name, *encoded)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(([name, *encoded], answer))
        if self._sending is None:
            self._sending = asyncio.create_task(self._send())
        return await answer

    async def _send(self) -> None:
        try:
            while self._waiting:
                # Whoever has given up waits no more.
                commands = [each for each in self._waiting if not each[1].done()]
                self._waiting = []
                await self._send_together(commands)
        finally:
            self._sending = None

    async def _send_together(self, commands: list[_Command]) -> None:
        pipeline = self._client.pipeline(transaction=False)
        for command, _ in commands:
            pipeline.execute_command(*command)  # pyright: ignore[reportUnknownMemberType]
        answers: list[Any]
        try:
            async with asyncio.timeout(self._timeout_s):
                answers = await pipeline.execute(raise_on_error=False)
        except TimeoutError:
            answers = [exceptions.TimeoutError(f"no answer within {self._timeout_s:g} s")] * len(
                commands
            )
        except Exception as error:  # noqa: BLE001 - it is raised where each of them is awaited
            answers = [error] * len(commands)
        for (_, future), answer in zip(commands, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
