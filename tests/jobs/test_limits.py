"""Whom a submission is refused to: the caller's quota, and its part of a full service."""

from typing import Any

import pytest

from jobs import store
from jobs.caller import Quota

pytestmark = pytest.mark.redis
DRAWS = 120
"""What each job of these tests needs."""


def left(submitted: Any, limit: str) -> Any:
    (found,) = [each for each in submitted.remaining if each.limit == limit]
    return found


def test_each_limit_refuses_by_name_and_leaves_no_trace(life: Any) -> None:
    limits = {"live_jobs": 1, "draws_queued": DRAWS, "draws_per_day": DRAWS}
    refused = {}
    for number, (limit, allowed) in enumerate(limits.items()):
        caller = life.caller(f"t{number}", **{limit: allowed})
        life.submit(life.other(1, tenant=caller.tenant), caller=caller)
        before = sorted(life.all_keys())
        refused[limit] = life.submit(life.other(2, tenant=caller.tenant), caller=caller)
        assert sorted(life.all_keys()) == before

    assert {each.outcome for each in refused.values()} == {"over_quota"}
    assert {limit: (each.limit, each.allowed) for limit, each in refused.items()} == {
        limit: (limit, allowed) for limit, allowed in limits.items()
    }
    assert {left(each, limit).remaining for limit, each in refused.items()} == {0}


def test_draws_are_waited_for_at_the_speed_of_the_workers(life: Any) -> None:
    caller = life.caller("acme", draws_queued=150)
    life.submit(life.other(1, tenant="acme"), caller=caller)

    refused = life.submit(life.other(2, tenant="acme"), caller=caller, draws_per_s=30)

    assert refused.retry_after_s == (2 * DRAWS - 150) / 30


def test_tenants_that_share_the_workers_are_waited_for_too(life: Any) -> None:
    for name in ("bolt", "cord"):
        life.submit(life.other(1, tenant=name), caller=life.caller(name))
    caller = life.caller("acme", live_jobs=1)
    life.submit(life.other(1, tenant="acme"), caller=caller)

    refused = life.submit(life.other(2, tenant="acme"), caller=caller, draws_per_s=DRAWS)

    assert refused.retry_after_s == 3


def test_a_day_s_draws_are_there_again_at_midnight(life: Any) -> None:
    caller = life.caller("acme", draws_per_day=DRAWS)
    life.now = 86_400 * 20_000 + 80_000
    first = life.submit(life.other(1, tenant="acme"), caller=caller)
    refused = life.submit(life.other(2, tenant="acme"), caller=caller)

    life.now += refused.retry_after_s
    life.read(first.job_id, "acme")

    assert refused.retry_after_s == 6_400
    assert left(refused, "draws_per_day").reset_s == 6_400
    assert life.submit(life.other(2, tenant="acme"), caller=caller).outcome == "created"


def test_draws_that_were_never_made_are_given_back(life: Any) -> None:
    caller = life.caller("acme", draws_per_day=1_000)
    spec = life.other(1, tenant="acme")
    life.submit(spec, caller=caller)
    chunks = life.admit()
    life.commit(chunks[0])

    life.run(store.cancel(spec.id, tenant="acme", now=life.now))

    (allowance,) = life.run(store.usage(caller, now=life.now))
    assert allowance.remaining == 1_000 - 10


@pytest.mark.parametrize("limit", ["draws_queued", "draws_per_day"])
def test_what_is_more_than_all_that_is_allowed_will_never_be_accepted(
    life: Any, limit: str
) -> None:
    caller = life.caller("acme", **{limit: DRAWS - 1})

    refused = life.submit(life.other(1, tenant="acme"), caller=caller)

    assert (refused.limit, refused.retry_after_s) == (limit, None)


def test_requests_come_in_a_burst_of_a_minute_s_and_then_at_their_rate(life: Any) -> None:
    caller = life.caller("acme", requests_per_minute=3)
    told = [life.submit(life.other(i, tenant="acme"), caller=caller) for i in range(4)]
    life.now += told[-1].retry_after_s - 0.001
    early = life.submit(life.other(8, tenant="acme"), caller=caller)
    life.now += 0.001
    in_time = life.submit(life.other(9, tenant="acme"), caller=caller)

    assert [each.outcome for each in told] == ["created"] * 3 + ["over_quota"]
    assert [left(each, "requests_per_minute").remaining for each in told] == [2, 1, 0, 0]
    assert (told[-1].limit, told[-1].retry_after_s) == ("requests_per_minute", 20)
    assert (early.outcome, in_time.outcome) == ("over_quota", "created")


def test_a_clock_that_is_set_back_keeps_nobody_waiting(life: Any) -> None:
    caller = life.caller("acme", requests_per_minute=1)
    life.submit(life.other(1, tenant="acme"), caller=caller)
    life.now -= 7_200

    after = life.submit(life.other(2, tenant="acme"), caller=caller)
    soon = life.submit(life.other(3, tenant="acme"), caller=caller)

    assert (after.outcome, soon.outcome, soon.retry_after_s) == ("created", "over_quota", 60)


def test_what_is_known_or_under_way_costs_a_request_but_no_draws(life: Any) -> None:
    caller = life.caller("acme", draws_per_day=DRAWS, requests_per_minute=10)
    first = life.submit(life.other(1, tenant="acme"), caller=caller)
    joined = life.submit(life.other(1, tenant="acme"), caller=caller)
    life.complete(first.job_id)
    cached = life.submit(life.other(1, tenant="acme"), caller=caller)

    assert (joined.outcome, cached.outcome) == ("joined", "cached")
    assert left(cached, "draws_per_day").remaining == 0
    assert left(cached, "requests_per_minute").remaining == 7


def test_a_caller_without_limits_is_told_of_none(life: Any) -> None:
    assert life.submit().remaining == ()


def test_a_full_service_says_when_it_will_not_be(life: Any) -> None:
    life.submit(life.other(1))
    life.submit(life.other(2))

    by_draws = life.submit(life.other(3), max_backlog_draws=300, draws_per_s=10)
    by_jobs = life.submit(life.other(3), max_backlog_jobs=2, draws_per_s=10)
    never = life.submit(life.other(3), max_backlog_draws=DRAWS - 1)

    assert {each.outcome for each in (by_draws, by_jobs, never)} == {"full"}
    assert (by_draws.retry_after_s, by_jobs.retry_after_s) == (60 / 10, DRAWS / 10)
    assert never.retry_after_s is None


def test_a_service_full_of_one_tenant_s_jobs_has_room_for_another_s_equal_part(life: Any) -> None:
    """It does not wait for the others' jobs, so it need not wait to be let in either."""
    limits = {"max_backlog_draws": 6 * DRAWS, "max_backlog_jobs": 6}
    told = []
    for name in ["acme"] * 7 + ["bolt"] * 4 + ["cord"] * 3 + ["acme"]:
        spec = life.other(len(told), tenant=name)
        told.append((name, life.submit(spec, caller=life.caller(name), **limits).outcome))

    accepted = [name for name, outcome in told if outcome == "created"]
    assert accepted == ["acme"] * 6 + ["bolt"] * 3 + ["cord"] * 2
    assert {outcome for _, outcome in told} == {"created", "full"}


def test_what_a_tenant_has_of_other_models_is_no_part_of_a_full_one(life: Any) -> None:
    caller = life.caller("bolt")
    for number in range(4):
        life.submit(life.other(number, tenant="acme"), caller=life.caller("acme"))
        spec = life.other(10 + number, tenant="bolt", model={"id": "large"})
        life.submit(spec, caller=caller)
    limits = {"max_backlog_draws": 4 * DRAWS, "max_backlog_jobs": 4}

    ahead = life.run(store.ahead(life.model, tenant="bolt", planned=DRAWS, now=life.now))
    told = [
        life.submit(life.other(20 + number, tenant="bolt"), caller=caller, **limits).outcome
        for number in range(3)
    ]

    assert (ahead.draws, ahead.jobs) == (2 * DRAWS, 0)
    assert told == ["created", "created", "full"]


@pytest.mark.parametrize(
    ("limit", "seconds"), [({"max_backlog_draws": 3 * DRAWS}, 1), ({"max_backlog_jobs": 3}, 0.5)]
)
def test_whoever_has_its_part_of_a_full_service_waits_for_the_first_room_there_is(
    life: Any, limit: Any, seconds: float
) -> None:
    for number, name in enumerate(["acme", "acme", "bolt", "bolt"]):
        life.submit(life.other(number, tenant=name), caller=life.caller(name))

    refused = life.submit(
        life.other(9, tenant="bolt"), caller=life.caller("bolt"), draws_per_s=2 * DRAWS, **limit
    )

    assert (refused.outcome, refused.retry_after_s) == ("full", seconds)


@pytest.mark.parametrize(
    "broken",
    [{"live_jobs": -1}, {"weight": 0}, {"weight": float("nan")}, {"requests_per_minute": 0}],
)
def test_a_quota_without_sense_is_refused(broken: Any) -> None:
    with pytest.raises(ValueError, match="must be"):
        Quota(**broken)


@pytest.mark.parametrize("name", ["", "a:b", "a b", "x" * 65, "-a", "a\n"])
def test_a_tenant_s_name_cannot_be_part_of_another_s_keys(life: Any, name: str) -> None:
    with pytest.raises(ValueError, match="is no name of a tenant"):
        life.caller(name)
