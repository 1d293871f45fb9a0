"""What is owed and what was spent, where a job turns out to need more than was thought."""

from typing import Any

import pytest

from jobs import ledger, store
from smoothing.params import SmoothingParams
from smoothing.procedures import DrawMore
from smoothing.votes import Phase

pytestmark = pytest.mark.redis
MORE = DrawMore(phase=Phase.ESTIMATION, start=0, stop=1_000)


def used(life: Any, caller: Any) -> dict[str, float]:
    allowances = life.run(store.usage(caller, now=life.now))
    return {each.limit: each.allowed - each.remaining for each in allowances}


def owed(life: Any) -> int:
    return life.run(store.backlog(life.model, now=life.now)).draws


def extended(life: Any, caller: Any) -> str:
    """A job that planned 120 draws, and knows after 20 that it needs 1,020."""
    job_id = life.submit(life.other(1, tenant=caller.tenant), caller=caller).job_id
    for chunk in life.admit():
        life.commit(chunk)
    command = ledger.extend(job_id, step=0, request=MORE, planned=1_020, window=3, now=life.now)
    assert life.run(command)
    return job_id


def test_a_job_that_needs_more_draws_owes_and_spends_them(life: Any) -> None:
    acme = life.caller("acme", draws_queued=5_000, draws_per_day=5_000)
    job_id = extended(life, acme)
    during = used(life, acme), owed(life)

    life.run(store.cancel(job_id, tenant="acme", now=life.now))

    assert during == ({"draws_queued": 1_000, "draws_per_day": 1_020}, 1_000)
    assert (used(life, acme), owed(life)) == ({"draws_queued": 0, "draws_per_day": 20}, 0)


def test_a_day_is_charged_with_all_that_an_answer_may_take_until_it_is_there(life: Any) -> None:
    """How many draws a decision takes is known at its end; together they must not exceed a day."""
    params = SmoothingParams(sigma=0.25, mode="decide", radius=0.1, n=1_000)
    acme = life.caller("acme", draws_per_day=1_500)
    first, second = (life.other(n, tenant="acme", params=params) for n in (1, 2))

    life.submit(first, caller=acme)
    refused = life.submit(second, caller=acme)
    during = used(life, acme)
    life.run(store.cancel(first.id, tenant="acme", now=life.now))

    assert (refused.outcome, refused.limit) == ("over_quota", "draws_per_day")
    assert (during, owed(life)) == ({"draws_per_day": 1_000}, 0)
    assert used(life, acme) == {"draws_per_day": 0}
    assert life.submit(second, caller=acme).outcome == "created"
    assert owed(life) < 100


def test_the_day_is_that_of_the_submission_however_long_the_job_takes(life: Any) -> None:
    acme = life.caller("acme", draws_per_day=5_000)
    job_id = extended(life, acme)
    life.now += 86_400

    life.read(job_id, "acme")

    assert used(life, acme) == {"draws_per_day": 0}
    assert life.client.get(f"dmae:spent:acme:{int(life.now // 86_400) - 1}") == b"20"


def test_books_that_went_wrong_are_counted_anew_within_a_minute(life: Any) -> None:
    """A release that keeps none may be at work beside this one."""
    caller = life.caller("acme", draws_queued=5_000)
    life.submit(life.other(1, tenant="acme"), caller=caller)
    life.client.hset("dmae:books:tiny", mapping={"draws": 7, "out": 7})
    life.client.hset("dmae:account:acme", "draws", 7)
    before = owed(life)
    life.now += 60

    assert (before, owed(life)) == (7, 120)
    assert used(life, caller) == {"draws_queued": 120}


def test_a_job_that_lost_its_place_finds_one_within_a_minute(life: Any) -> None:
    waiting, started = life.submit(life.other(1)).job_id, life.submit(life.other(2)).job_id
    life.admit(window=1, max_running=1)
    lines = [key for key in life.all_keys() if key.split(b":")[1] in LINES]
    assert len(lines) == len(LINES)
    life.client.delete(*lines)
    life.now += 60

    found = {chunk.job_id for chunk in life.admit()}

    assert found == {waiting, started}


LINES = {b"line", b"line_of", b"queue", b"ready", b"started"}


def test_records_that_vanished_owe_nothing_and_hold_no_place(life: Any) -> None:
    """Memory may be short, and the server told to make room."""
    vanished = [life.submit(life.other(number)).job_id for number in range(3)]
    life.admit(max_running=2)
    life.client.delete(*(f"dmae:job:{{{job_id}}}" for job_id in vanished))
    job_id = life.submit(life.other(9)).job_id
    life.now += 60

    assert owed(life) == 120
    assert {chunk.job_id for chunk in life.admit(max_running=1)} == {job_id}
    assert life.run(store.backlog(life.model, now=life.now)).jobs == 1


def test_what_another_tenant_s_deleted_id_names_now_is_not_listed_for_it(life: Any) -> None:
    spec = life.other(1, tenant="acme")
    life.submit(spec, caller=life.caller("acme"))
    life.run(store.delete(spec.id, tenant="acme", now=life.now))
    life.client.delete(f"dmae:gone:{spec.id}")  # as a week later, or by a release that wrote none
    theirs = life.other(1, id=spec.id, tenant="bolt")

    assert life.submit(theirs, caller=life.caller("bolt")).outcome == "created"
    assert life.run(store.list_jobs("acme", now=life.now)).jobs == ()
    assert life.read(spec.id, "acme") is None
