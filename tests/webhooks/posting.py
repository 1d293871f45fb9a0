"""Couriers over one Redis, and messages for them to deliver."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from app.background import in_background
from app.prompt_runner import PromptRunner
from app.webhooks.courier import Courier, Pace
from app.webhooks.sender import Sender
from jobs import deliveries
from jobs.command import AsyncRunner, Command
from jobs.connection import make_async_redis
from jobs.deliveries import Delivery, Ended, Message

JOB = "019a9f0e-8c3a-7d11-9b5e-3f1c2a4d5e6f"
QUICK = Pace(poll_s=0.01, lease_s=0.3, patience_s=0.1)


async def server_secret() -> bytes:
    return b"s" * 32


@dataclass
class Post:
    """Couriers over one Redis, and messages for them."""

    runner: PromptRunner
    allow: Any

    def courier(self, *, pace: Pace = QUICK, timeout_s: float = 2.0) -> Courier:
        sender = Sender(self.allow, timeout_s=timeout_s)
        return Courier(runner=self.runner, sender=sender, server_secret=server_secret, pace=pace)

    async def put(self, url: str, name: str = "msg_1", job_id: str = JOB) -> None:
        message = Message(
            id=name, event="job.failed", tenant="t", url=url, body='{"a":1}', created_at=1.0
        )
        ended = Ended(entry="0-1", job_id=job_id, tenant="t")
        job = (f"dmae:job:{{{job_id}}}", "state", "failed")
        await self.runner.run(Command(call="HSET", args=job, parse=lambda _: None))
        await self.runner.run(deliveries.add(ended, [message], now=time.time()))

    async def read(self, job_id: str = JOB) -> Delivery:
        (delivery,) = await self.runner.run(deliveries.read(job_id))
        return delivery

    async def until(self, enough: Callable[[Delivery], bool], job_id: str = JOB) -> Delivery:
        found = await self.read(job_id)
        async with asyncio.timeout(5):
            for pause_s in itertools.repeat(0.01):
                if enough(found := await self.read(job_id)):
                    break
                await asyncio.sleep(pause_s)
        return found


@pytest.fixture
async def post(redis_url: str, receiver: Any) -> AsyncIterator[Post]:
    redis = make_async_redis(redis_url)
    yield Post(PromptRunner(AsyncRunner(redis)), receiver.allow)
    await redis.aclose()


@pytest.fixture
async def running() -> AsyncIterator[Callable[[Courier], Any]]:
    """Lets couriers work until the test is over."""
    async with AsyncExitStack() as at_work:

        async def start(courier: Courier) -> None:
            await at_work.enter_async_context(in_background([courier.run()], again_s=0.2))

        yield start
