"""Sending by name, and few wake-ups."""

import asyncio
import itertools
import time
from collections.abc import Callable

import celery
import pytest
import redis

from jobs.queue import Waker, make_celery, send_draw
from jobs.queue_names import draw_messages
from jobs.record import Chunk
from smoothing.votes import Phase


def test_making_the_app_connects_to_nothing() -> None:
    app = make_celery("redis://nowhere.invalid:1/0")

    assert app.conf.task_ignore_result
    assert app.conf.task_acks_late
    assert app.conf.accept_content == ["json"]


@pytest.mark.redis
def test_a_chunk_becomes_one_json_message_in_its_models_queue(
    server: str, client: redis.Redis
) -> None:
    chunk = Chunk(job_id="j", phase=Phase.SELECTION, start=0, stop=10)

    with make_celery(server) as app:
        send_draw(app, "tiny", chunk)

    (message,) = client.lrange(draw_messages("tiny"), 0, -1)
    assert b'"application/json"' in message
    assert b'"worker.tasks.draw"' in message


def wake_often(send: Callable[[celery.Celery, str], None], *, times: int) -> None:
    async def main() -> None:
        waker = Waker(make_celery("redis://nowhere.invalid"), interval_s=0.05, send=send)
        for _ in range(times):
            waker.wake("tiny")
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.12)
        await waker.aclose()

    asyncio.run(main())


def test_many_wake_ups_become_few_messages_and_the_last_is_not_lost() -> None:
    sent: list[float] = []

    wake_often(lambda _app, _model: sent.append(time.monotonic()), times=40)

    assert 2 <= len(sent) <= 5
    assert min(b - a for a, b in itertools.pairwise(sent)) >= 0.045


def test_a_wake_up_that_cannot_be_sent_hurts_nobody() -> None:
    def broken(_app: celery.Celery, _model: str) -> None:
        raise OSError("no broker")

    wake_often(broken, times=2)
