"""The courier: every ended job's message arrives once or more, and no job ever waits for it."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from standardwebhooks import Webhook

from app.background import in_background
from app.prompt_runner import PromptRunner
from app.webhooks.courier import MAX_ATTEMPTS, Courier, Pace, delay_s
from app.webhooks.secret import secret_of
from jobs import deliveries
from jobs.command import AsyncRunner, Command
from jobs.connection import make_async_redis
from tests.webhooks.posting import JOB, Post

pytestmark = [pytest.mark.anyio, pytest.mark.redis]


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


async def test_a_message_arrives_signed(post: Post, running: Any, receiver: Any) -> None:
    await post.put(receiver.url)
    await running(post.courier())

    delivery = await post.until(lambda d: d.state == "delivered")

    (call,) = receiver.calls
    verified = Webhook(secret_of(b"s" * 32, "t", 1)).verify(call.body, call.headers)
    assert call.headers["webhook-id"] == "msg_1"
    assert len(call.headers["webhook-signature"].split()) == 1
    assert verified == {"a": 1}
    assert [attempt.status for attempt in delivery.attempts] == [204]
    assert delivery.next_attempt_at is None


async def test_what_fails_is_tried_again_under_the_same_id(
    post: Post, running: Any, receiver: Any, answering: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.webhooks.courier.FIRST_DELAY_S", 0.01)
    receiver.answers = [answering(500), answering(302, Location="/"), b"", answering(200)]
    await post.put(receiver.url)
    await running(post.courier())

    delivery = await post.until(lambda d: d.state == "delivered")

    assert [call.headers["webhook-id"] for call in receiver.calls] == ["msg_1"] * 4
    assert [attempt.status for attempt in delivery.attempts] == [500, 302, None, 200]
    assert [(attempt.error or "").split(":")[0] for attempt in delivery.attempts] == [
        "status",
        "status",
        "unreachable",
        "",
    ]


async def test_what_never_arrives_is_given_up_and_can_be_sent_again(
    post: Post, running: Any, receiver: Any, answering: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.webhooks.courier.FIRST_DELAY_S", 0.0)
    receiver.answers = [answering(503)]
    await post.put(receiver.url)
    await running(post.courier())

    dead = await post.until(lambda d: d.state == "failed")
    receiver.answers = [answering(200)]
    await post.runner.run(deliveries.again(JOB, 1, now=time.time()))
    alive = await post.until(lambda d: d.state == "delivered")

    assert len(dead.attempts) == MAX_ATTEMPTS
    assert len(alive.attempts) == MAX_ATTEMPTS + 1


async def test_a_receiver_that_is_gone_is_given_up_at_once(
    post: Post, running: Any, receiver: Any, answering: Any
) -> None:
    receiver.answers = [answering(410)]
    await post.put(receiver.url)
    await running(post.courier())

    delivery = await post.until(lambda d: d.state == "failed")

    assert len(delivery.attempts) == 1


async def test_a_url_that_is_not_allowed_any_more_is_given_up_without_a_call(
    post: Post, running: Any, receiver: Any
) -> None:
    await post.put("https://other.example.com/")
    await running(post.courier())

    delivery = await post.until(lambda d: d.state == "failed")

    assert (delivery.attempts[0].error or "").startswith("refused: ")
    assert receiver.calls == []


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


async def test_couriers_share_the_work_and_send_nothing_twice(
    post: Post, running: Any, receiver: Any
) -> None:
    ids = [f"019a9f0e-8c3a-7d11-9b5e-{n:012x}" for n in range(40)]
    for n, job_id in enumerate(ids):
        await post.put(receiver.url, f"msg_{n}", job_id)
    for _ in range(3):
        await running(post.courier(pace=Pace(poll_s=0.01, lease_s=5, per_host=32)))

    for job_id in ids:
        await post.until(lambda d: d.state == "delivered", job_id)

    names = [call.headers["webhook-id"] for call in receiver.calls]
    assert sorted(names) == sorted(f"msg_{n}" for n in range(40))


async def test_a_host_that_hangs_holds_up_no_other(
    post: Post, running: Any, receiver: Any, listen: Any
) -> None:
    hanging: list[int] = []

    async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        hanging.append(1)
        await asyncio.sleep(60)

    async with listen(hang) as port:
        post.allow = type(post.allow).parse([receiver.entry, f"http://127.0.0.1:{port}"])
        for n in range(20):
            job_id = f"019a9f0e-8c3a-7d11-9b5e-{n:012x}"
            await post.put(f"http://127.0.0.1:{port}/", f"msg_{n}", job_id)
        await post.put(receiver.url)
        await running(post.courier(pace=Pace(poll_s=0.01, at_once=8, per_host=2, patience_s=0.1)))

        await post.until(lambda d: d.state == "delivered")

    assert sum(hanging) == 2


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


async def test_of_hosts_to_which_nothing_is_under_way_none_is_remembered(
    post: Post, running: Any, receiver: Any
) -> None:
    await post.put(receiver.url)
    await running(courier := post.courier())

    await post.until(lambda d: d.state == "delivered")
    await asyncio.sleep(0)

    assert list(courier._hosts) == []


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


async def test_a_courier_that_is_stopped_finishes_what_it_began(post: Post, receiver: Any) -> None:
    receiver.pause_s = 0.2
    await post.put(receiver.url)

    async with in_background([post.courier(pace=Pace(poll_s=5)).run()]):
        await receiver.wait_for(1)

    assert (await post.read()).state == "delivered"


def test_attempts_take_about_a_day_and_are_spread() -> None:
    total = sum(delay_s(made, 0.5) for made in range(1, MAX_ATTEMPTS))

    assert 20 * 3_600 < total < 28 * 3_600
    assert (delay_s(1, 0.0), delay_s(1, 1.0)) == (4.0, 6.0)


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
