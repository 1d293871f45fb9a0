"""Nothing is lost between the store and the queue: what is missing is sent again."""

from typing import Any

import pytest

from jobs import ledger
from smoothing.params import SmoothingParams

pytestmark = pytest.mark.redis


def bounds(chunks: Any) -> list[tuple[int, int]]:
    return [(chunk.start, chunk.stop) for chunk in chunks]


def test_lost_messages_are_sent_again_after_a_while_and_ever_more_rarely(life: Any) -> None:
    job_id, chunks = life.started()
    life.commit(chunks[0])
    times = []
    for _ in range(200):
        life.now += 1
        revived = life.revive()
        times += [life.now - 1_800_000_000] if revived else []
        assert all(again.chunks == chunks[1:] and again.job_id == job_id for again in revived)

    assert times == [4, 12, 28, 58, 88, 118, 148, 178]


def test_a_commit_puts_reviving_off(life: Any) -> None:
    _, chunks = life.started()
    life.now += 3
    life.commit(chunks[0])
    life.now += 3
    early = life.revive()
    life.now += 1

    assert early == ()
    assert len(life.revive()) == 1


def test_what_a_live_worker_computes_is_not_sent_again(life: Any) -> None:
    life.worker("a"), life.worker("b")
    _, (first, second) = life.started()
    life.begin(first, "a"), life.begin(second, "b")
    life.die("b")
    life.now += 5

    (revived,) = life.revive()

    assert revived.chunks == (second,)


def test_a_chunk_of_a_worker_that_dies_while_it_is_waited_for_is_sent_soon(life: Any) -> None:
    life.worker("a")
    _, (first, second) = life.started()
    life.commit(first), life.begin(second, "a")
    life.now += 4
    waited_for = life.revive()
    life.die("a")
    life.now += 4

    assert waited_for == ()
    assert [stuck.chunks for stuck in life.revive()] == [(second,)]


def test_only_what_was_handed_out_is_sent_again(life: Any) -> None:
    _, chunks = life.started(window=1, chunk_size=5)
    life.now += 5

    (revived,) = life.revive(window=3)

    assert revived.chunks == chunks
    assert bounds(life.admit(window=3)) == [(5, 10), (10, 15)]


def test_what_is_missing_is_sent_again_in_order_wherever_it_was(life: Any) -> None:
    params = SmoothingParams(sigma=0.25, mode="anytime", n=95)
    _, chunks = life.started(params=params, chunk_size=10)
    for chunk in chunks[1:5] + chunks[6:9]:
        life.commit(chunk)
    life.now += 5

    (revived,) = life.revive()
    life.now += 30
    (narrow,) = life.revive(window=2)

    assert bounds(revived.chunks) == [(0, 10), (50, 60), (90, 95)]
    assert narrow.chunks == revived.chunks[:2]


def test_a_job_that_waits_for_its_turn_is_watched_from_then_on(life: Any) -> None:
    life.submit(life.other(1)), life.submit(life.other(2))
    (first,) = life.admit(window=1)
    (other,) = life.commit(first, window=1).following
    life.now += 5
    sent_again = life.revive()
    (second,) = life.commit(other, window=1).following
    life.now += 4
    (revived,) = life.revive()

    assert [stuck.chunks for stuck in sent_again] == [(other,)]
    assert revived.chunks == (second,)
    assert second.job_id == first.job_id != other.job_id


def test_a_complete_request_that_nobody_advanced_is_noticed(life: Any) -> None:
    _, chunks = life.started()
    for chunk in chunks:
        life.commit(chunk)
    life.now += 5

    (revived,) = life.revive()

    assert (revived.advance, revived.chunks) == (True, ())
    assert life.run(ledger.begin(chunks[0], worker="w", now=life.now)).complete


def test_while_many_messages_wait_nothing_is_sent_again_that_may_be_among_them(life: Any) -> None:
    """However long they are many: what was lost must not be lost until they are few."""
    job_id, chunks = life.started()
    life.client.rpush("dmae:celery:draws.tiny", *range(ledger.MAX_WAITING_MESSAGES + 1))
    life.now += ledger.LEASE_S
    early = life.revive()

    life.now += 5
    (late,) = life.revive()

    assert early == ()
    assert (late.job_id, late.chunks) == (job_id, chunks)


def test_reviving_expires_what_is_past_its_deadline(life: Any) -> None:
    job_id, _ = life.started()
    life.now += 600

    assert life.revive() == ()
    assert life.client.hget(f"dmae:job:{{{job_id}}}", "state") == b"expired"
