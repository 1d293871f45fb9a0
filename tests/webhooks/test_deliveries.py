"""Deliveries in the store: made once, handed to one at a time, written down."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import redis

from jobs import deliveries
from jobs.command import Command, SyncRunner
from jobs.connection import make_redis
from jobs.deliveries import Attempt, Ended, Message
from jobs.record import WebhookRef

pytestmark = pytest.mark.redis

NOW = 1_800_000_000.0
JOB = "019a9f0e-8c3a-7d11-9b5e-3f1c2a4d5e6f"
FAILED = Attempt(at=NOW, duration_s=0.1, status=500, error="status: the receiver answered 500")
Run = Callable[[Command[Any]], Any]


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with make_redis(redis_url, timeout_s=5) as connection:
        yield connection


@pytest.fixture
def run(client: redis.Redis) -> Run:
    return SyncRunner(client).run


@pytest.fixture
def announce(client: redis.Redis) -> Callable[..., None]:
    """What settling a job does."""

    def write(job_id: str = JOB) -> None:
        fields: dict[Any, Any] = {"job": job_id, "tenant": "local"}
        client.hset(f"dmae:job:{{{job_id}}}", "state", "succeeded")
        client.xadd("dmae:outbox", fields)

    return write


def message(name: str = "msg_1") -> Message:
    return Message(
        id=name, event="job.succeeded", tenant="t", url="https://x/", body="{}", created_at=NOW
    )


def take(run: Run, consumer: str = "one", idle_s: float = 60) -> tuple[Ended, ...]:
    return run(deliveries.take(consumer, count=10, idle_s=idle_s))


@pytest.fixture
def due(run: Run, announce: Callable[..., None]) -> Any:
    """A delivery that is due."""
    announce()
    (ended,) = take(run)
    run(deliveries.add(ended, [message()], now=NOW))
    return ended


def claim(run: Run, now: float = NOW) -> tuple[deliveries.Claim, ...]:
    return run(deliveries.claim(now=now, lease_s=40, count=10))


def test_an_empty_outbox_has_nothing(run: Run) -> None:
    assert take(run) == ()
    assert run(deliveries.leave("one")) is None


def test_a_line_goes_to_one_consumer(run: Run, announce: Callable[..., None]) -> None:
    announce()

    (ended,) = take(run, "one")

    assert (ended.job_id, ended.tenant) == (JOB, "local")
    assert take(run, "two") == ()


def test_a_line_whose_consumer_died_goes_to_another(run: Run, announce: Any) -> None:
    announce()
    (ended,) = take(run, "one")

    assert take(run, "two", idle_s=0) == (ended,)


def test_a_line_that_was_done_is_gone(run: Run, due: Ended, client: redis.Redis) -> None:
    assert due.job_id == JOB
    assert take(run, "two", idle_s=0) == ()
    assert client.xlen("dmae:outbox") == 0


def test_a_consumer_that_leaves_is_forgotten_unless_it_holds_lines(
    run: Run, announce: Any, client: redis.Redis
) -> None:
    announce()
    take(run, "holding")
    take(run, "idle")
    time.sleep(0.01)

    run(deliveries.leave("holding"))
    run(deliveries.leave("idle"))

    names = [entry["name"] for entry in client.xinfo_consumers("dmae:outbox", "webhooks")]
    assert names == [b"holding"]


def test_a_message_is_one_delivery_however_often_it_is_made(run: Run, due: Ended) -> None:
    run(deliveries.add(due, [message(), message("msg_2")], now=NOW))

    assert [each.message.id for each in run(deliveries.read(JOB))] == ["msg_1", "msg_2"]


def test_a_job_has_at_most_so_many_deliveries(run: Run, due: Ended) -> None:
    many = [message(f"msg_{n}") for n in range(200)]

    run(deliveries.add(due, many, now=NOW))

    assert len(run(deliveries.read(JOB))) == deliveries.MAX_DELIVERIES


@pytest.mark.usefixtures("due")
def test_a_due_delivery_is_one_claimants_until_its_lease_ends(run: Run) -> None:
    (first,) = claim(run)

    assert (first.job_id, first.number, first.message) == (JOB, 1, message())
    assert claim(run, NOW + 39) == ()
    assert claim(run, NOW + 41) == (first,)


@pytest.mark.usefixtures("due")
def test_a_delivery_that_failed_is_due_later_and_says_why(run: Run) -> None:
    (claimed,) = claim(run)

    run(deliveries.note(claimed, FAILED, state="pending", next_at=NOW + 5))

    (delivery,) = run(deliveries.read(JOB))
    assert (delivery.state, delivery.next_attempt_at) == ("pending", NOW + 5)
    assert delivery.attempts == (FAILED,)
    assert claim(run, NOW + 4) == ()
    assert [again.attempts for again in claim(run, NOW + 6)] == [1]


@pytest.mark.usefixtures("due")
@pytest.mark.parametrize("state", ["delivered", "failed"])
def test_a_delivery_that_ended_is_due_no_more_until_it_is_asked_for(run: Run, state: Any) -> None:
    (claimed,) = claim(run)
    run(deliveries.note(claimed, FAILED, state=state, next_at=None))

    (ended,) = run(deliveries.read(JOB))
    assert (ended.state, ended.next_attempt_at) == (state, None)
    assert claim(run, NOW + 1e6) == ()

    assert run(deliveries.again(JOB, 1, now=NOW + 9)) is True
    (again,) = claim(run, NOW + 10)
    assert (again.message, again.attempts, again.since_again) == (message(), 1, 0)


@pytest.mark.usefixtures("due")
def test_what_is_asked_for_while_it_is_under_way_is_sent_again(run: Run) -> None:
    (claimed,) = claim(run)
    run(deliveries.again(JOB, 1, now=NOW))

    run(deliveries.note(claimed, FAILED, state="failed", next_at=None))

    (delivery,) = run(deliveries.read(JOB))
    assert (delivery.state, delivery.attempts) == ("pending", (FAILED,))
    assert [(again.attempts, again.asked) for again in claim(run, NOW + 1)] == [(1, 1)]


@pytest.mark.usefixtures("due")
def test_of_one_that_is_asked_for_for_ever_the_latest_attempts_are_kept(
    run: Run, client: redis.Redis
) -> None:
    for number in range(103):
        (claimed,) = claim(run)
        each = replace(FAILED, status=number)
        run(deliveries.note(claimed, each, state="failed", next_at=None))
        run(deliveries.again(JOB, 1, now=NOW))

    (delivery,) = run(deliveries.read(JOB))
    assert [attempt.status for attempt in delivery.attempts] == list(range(3, 103))
    assert [each.attempts for each in claim(run)] == [103]
    assert client.hlen(f"dmae:job:{{{JOB}}}:deliveries") < 110


@pytest.mark.usefixtures("due")
def test_what_is_given_back_is_no_attempt(run: Run) -> None:
    (claimed,) = claim(run)

    run(deliveries.postpone(claimed, until=NOW + 1))

    assert claim(run, NOW + 2) == (claimed,)


@pytest.mark.usefixtures("due")
def test_a_deleted_job_takes_its_deliveries_along(run: Run, client: redis.Redis) -> None:
    (claimed,) = claim(run)
    client.delete(f"dmae:job:{{{JOB}}}:deliveries")

    run(deliveries.note(claimed, FAILED, state="pending", next_at=NOW + 5))

    assert claim(run, NOW + 1e6) == ()
    assert run(deliveries.read(JOB)) == ()
    assert client.exists(f"dmae:job:{{{JOB}}}:deliveries") == 0


def test_a_job_that_is_deleted_before_its_message_is_made_has_none(
    run: Run, announce: Any, client: redis.Redis
) -> None:
    announce()
    (ended,) = take(run)
    client.delete(f"dmae:job:{{{JOB}}}")

    run(deliveries.add(ended, [message()], now=NOW))

    assert run(deliveries.read(JOB)) == ()
    assert claim(run) == ()
    assert client.xlen("dmae:outbox") == 0


def test_there_is_no_delivery_before_there_is_one(run: Run) -> None:
    assert run(deliveries.read(JOB)) == ()
    assert run(deliveries.again(JOB, 1, now=NOW)) is False


def test_nobody_subscribes_to_a_job_that_is_not_there(run: Run) -> None:
    webhook = WebhookRef(url="https://x/", events=("job.failed",))

    assert run(deliveries.subscribe(JOB, tenant="t", webhook=webhook)) is False
    assert run(deliveries.subscribed(JOB)) == ()


@pytest.mark.usefixtures("due")
def test_nothing_is_kept_for_ever(client: redis.Redis) -> None:
    assert 0 < client.ttl(f"dmae:job:{{{JOB}}}:deliveries") <= deliveries.KEPT_DAYS * 86_400
