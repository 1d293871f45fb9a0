"""What the store tells those who watch the service."""

from typing import Any

import pytest

from jobs import ledger
from jobs.figures import Figures, figures

pytestmark = pytest.mark.redis


def read(life: Any, *models: str) -> Figures:
    return life.run(figures(models or (life.model,)))


def finish(life: Any, job_id: str, verdict: str = "certified") -> bool:
    """Ends a job that has all its votes; whether it did."""
    document = {"verdict": verdict, "statement": 'he said "verdict":"none"', "counts": {}}
    return life.run(ledger.finish(job_id, step=0, document=document, now=life.now))


def complete(life: Any, chunks: Any) -> None:
    for chunk in chunks:
        life.begin(chunk)
        life.commit(chunk)


def test_an_empty_store_has_nothing_to_tell(life: Any) -> None:
    told = read(life)

    assert (told.counters, told.lines, told.workers) == ({}, [], [])
    assert told.memory_bytes > 0


def test_live_jobs_are_counted_by_state_with_the_draws_that_they_need(life: Any) -> None:
    _, chunks = life.started()
    life.commit(chunks[0])
    life.now += 5
    life.submit(life.spec(image={"tensor_sha256": "77" * 32}))

    lines = read(life, life.model, "other").lines

    assert sorted((line.state, line.priority, line.jobs, line.draws) for line in lines) == [
        ("queued", "normal", 1, 120),
        ("running", "normal", 1, 110),
    ]
    assert {line.state: life.now - line.oldest for line in lines} == {"running": 5, "queued": 0}


def test_a_job_is_counted_once_when_it_ends_with_what_it_proved_and_how_long_it_took(
    life: Any,
) -> None:
    job_id, chunks = life.started()
    complete(life, chunks)
    life.now += 1.5

    ends = [finish(life, job_id, "abstained") for _ in range(2)]

    counters = read(life).counters
    assert ends == [True, False]
    assert counters["jobs|succeeded"] == counters["verdicts|abstained"] == 1
    assert (counters["seconds|2.5"], counters["seconds_sum"]) == (1, 1.5)
    assert counters["draws|tiny"] == 20


def test_every_way_to_end_is_counted_apart(life: Any) -> None:
    failed, _ = life.started()
    life.run(ledger.fail(failed, code="chunk_failed", message="", now=life.now))
    life.run(ledger.fail(failed, code="chunk_failed", message="", now=life.now))
    expired, _ = life.started(image={"tensor_sha256": "77" * 32})
    life.now += 10_000
    life.read(expired)

    counters = read(life).counters

    assert {name: n for name, n in counters.items() if name.startswith("jobs|")} == {
        "jobs|failed": 1,
        "jobs|expired": 1,
    }
    assert "seconds_sum" not in counters


def test_leases_are_counted_by_whether_they_were_another_s_and_votes_that_came_twice(
    life: Any,
) -> None:
    _, chunks = life.started()
    for name in ("a", "b"):
        life.worker(name)
    life.begin(chunks[0], "a")
    life.begin(chunks[0], "a")
    life.now += ledger.LEASE_S + 1
    life.begin(chunks[0], "b")
    life.commit(chunks[0], worker="b")
    life.commit(chunks[0], worker="a")

    counters = read(life).counters

    assert (counters["chunks|claimed"], counters["chunks|reclaimed"]) == (2, 1)
    assert counters["chunks|duplicate"] == 1


def test_workers_are_told_with_the_age_of_their_heartbeat(life: Any) -> None:
    life.worker("one")
    life.client.pexpire("dmae:worker:one", 4_000)
    life.worker("two", alive=False)

    (heard,) = read(life).workers

    assert heard.worker.instance == "one"
    assert heard.age_s == pytest.approx(ledger.HEARTBEAT_S - 4, abs=0.5)
