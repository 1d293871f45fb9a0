"""The courier where a process, the store or a record fails."""

import asyncio
import sys
from typing import Any

import pytest

from app.background import in_background
from app.prompt_runner import PromptRunner
from jobs.command import AsyncRunner, Command
from jobs.connection import make_async_redis
from tests.webhooks.posting import JOB, Post

pytestmark = [pytest.mark.anyio, pytest.mark.redis]


async def test_a_courier_that_dies_in_the_middle_is_replaced(
    post: Post, running: Any, receiver: Any
) -> None:
    """Killed between the claim and its note: the claim ends by itself, and another finds it."""
    receiver.pause_s = 60
    await post.put(receiver.url)
    killed = post.courier()
    await killed.turn()
    await receiver.wait_for(1)
    for task in killed._sending:
        task.cancel()
    receiver.pause_s = 0

    await running(post.courier())
    delivery = await post.until(lambda d: d.state == "delivered")

    assert [call.headers["webhook-id"] for call in receiver.calls] == ["msg_1", "msg_1"]
    assert len(delivery.attempts) == 1


async def test_a_job_that_nobody_remembers_holds_up_no_message(post: Post) -> None:
    """Its line in the outbox waited for longer than its record, and its id, were kept."""
    line = ("dmae:outbox", "*", "job", JOB, "tenant", "t")
    await post.runner.run(Command(call="XADD", args=line, parse=lambda _: None))
    courier = post.courier()

    await courier.turn()

    left = Command(call="XLEN", args=("dmae:outbox",), parse=int)
    assert await post.runner.run(left) == 0


async def test_a_job_that_cannot_be_told_holds_up_none_behind_it(post: Post, caplog: Any) -> None:
    job = (f"dmae:job:{{{JOB}}}", "state", "of another release", "tenant", "t")
    await post.runner.run(Command(call="HSET", args=job, parse=lambda _: None))
    for job_id in (JOB, "forgotten"):
        line = ("dmae:outbox", "*", "job", job_id, "tenant", "t")
        await post.runner.run(Command(call="XADD", args=line, parse=lambda _: None))

    await post.courier().turn()

    left = Command(call="XLEN", args=("dmae:outbox",), parse=int)
    assert await post.runner.run(left) == 1
    assert "what ended could not be told" in caplog.text


async def test_a_message_that_cannot_be_read_holds_up_none_behind_it(
    post: Post, running: Any, receiver: Any, caplog: Any
) -> None:
    other = "019a9f0e-8c3a-7d11-9b5e-000000000000"
    await post.put(receiver.url, job_id=other)
    cut = (f"dmae:job:{{{other}}}:deliveries", "1", '{"id":"msg_1"}')
    await post.runner.run(Command(call="HSET", args=cut, parse=lambda _: None))
    await post.put(receiver.url)
    await running(post.courier())

    assert (await post.until(lambda d: d.state == "delivered")).attempts
    assert "a message cannot be read" in caplog.text


async def test_a_courier_waits_for_a_store_that_is_away(new_server: Any, receiver: Any) -> None:
    server = new_server()
    server.start()
    redis = make_async_redis(server.url)
    post = Post(PromptRunner(AsyncRunner(redis)), receiver.allow)
    await post.put(receiver.url)
    server.kill()

    async with in_background([post.courier().run()], again_s=0.2):
        await asyncio.sleep(0.1)
        server.start()
        delivery = await post.until(lambda d: d.state == "delivered")

    assert len(delivery.attempts) == 1
    await redis.aclose()
    server.kill()


KILLED = """
import asyncio, sys
from app.prompt_runner import PromptRunner
from app.webhooks.allow import AllowList
from app.webhooks.courier import Courier, Pace
from app.webhooks.sender import Sender
from jobs.command import AsyncRunner
from jobs.connection import make_async_redis

async def server_secret():
    return b"s" * 32

async def main(url, entry):
    runner = PromptRunner(AsyncRunner(make_async_redis(url)))
    sender = Sender(AllowList.parse([entry]))
    pace = Pace(poll_s=0.01, lease_s=0.3)
    await Courier(runner=runner, sender=sender, server_secret=server_secret, pace=pace).run()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_process_that_is_killed_while_it_sends_is_taken_over_from(
    post: Post, running: Any, receiver: Any, redis_url: str
) -> None:
    receiver.pause_s = 60
    await post.put(receiver.url)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, redis_url, receiver.entry
    )
    await receiver.wait_for(1, seconds=30)
    process.kill()
    await process.wait()
    receiver.pause_s = 0

    await running(post.courier())
    delivery = await post.until(lambda d: d.state == "delivered")

    sent = [call.headers["webhook-id"] for call in receiver.calls]
    # Once more for each lease that ended before the process was dead.
    assert len(sent) >= 2
    assert set(sent) == {"msg_1"}
    assert [attempt.status for attempt in delivery.attempts] == [204]
