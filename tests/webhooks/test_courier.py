"""The courier: every ended job's message arrives once or more, and no job ever waits for it."""

import asyncio
import time
from typing import Any

import pytest
from standardwebhooks import Webhook

from app.background import in_background
from app.webhooks.courier import MAX_ATTEMPTS, Pace, delay_s
from app.webhooks.secret import secret_of
from jobs import deliveries
from tests.webhooks.posting import JOB, Post

pytestmark = [pytest.mark.anyio, pytest.mark.redis]


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


async def test_a_host_that_hangs_with_many_messages_holds_up_no_other(
    post: Post, running: Any, receiver: Any, listen: Any
) -> None:
    """Looked at again every second, they would be all that there is time for."""

    async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(60)

    async with listen(hang) as port:
        post.allow = type(post.allow).parse([receiver.entry, f"http://127.0.0.1:{port}"])
        for n in range(300):
            job_id = f"019a9f0e-8c3a-7d11-9b5e-{n:012x}"
            await post.put(f"http://127.0.0.1:{port}/", f"msg_{n}", job_id)
        await post.put(receiver.url)
        await running(post.courier(pace=Pace(patience_s=0.1)))

        await receiver.wait_for(1, seconds=4.5)


async def test_messages_to_one_host_go_out_as_fast_as_it_takes_them(
    post: Post, running: Any, receiver: Any
) -> None:
    for n in range(100):
        await post.put(receiver.url, f"msg_{n}", f"019a9f0e-8c3a-7d11-9b5e-{n:012x}")
    await running(post.courier(pace=Pace()))

    await receiver.wait_for(100, seconds=6)


async def test_of_hosts_to_which_nothing_is_under_way_none_is_remembered(
    post: Post, running: Any, receiver: Any
) -> None:
    await post.put(receiver.url)
    await running(courier := post.courier())

    await post.until(lambda d: d.state == "delivered")
    await courier.turn()

    assert courier._hosts == {}


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
