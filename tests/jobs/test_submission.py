"""What becomes of a submission: once, however often it is sent, and within the caller's quota."""

from dataclasses import replace
from typing import Any

import pytest

from jobs import store
from jobs.caller import Idempotency, Quota
from jobs.record import WebhookRef
from smoothing.certificate import SmoothingParams

pytestmark = pytest.mark.redis
DRAWS = 120
"""What each job of these tests needs."""


def named(key: str = "k", payload: str = "11" * 32) -> Idempotency:
    return Idempotency(key=key, payload_sha256=payload)


def left(submitted: Any, limit: str) -> Any:
    (found,) = [each for each in submitted.remaining if each.limit == limit]
    return found


def test_the_same_key_and_payload_give_the_first_job_again(life: Any) -> None:
    acme = life.caller("acme")
    first = life.submit(life.other(1, tenant="acme"), caller=acme, idempotency=named())

    again = life.submit(life.other(2, tenant="acme"), caller=acme, idempotency=named())

    assert (again.outcome, again.job_id) == ("replayed", first.job_id)
    assert life.run(store.backlog(life.model, now=life.now)).jobs == 1


def test_the_same_key_with_another_payload_is_a_conflict(life: Any) -> None:
    life.submit(life.other(1), idempotency=named())

    other = life.submit(life.other(1), idempotency=named(payload="22" * 32))

    assert (other.outcome, other.job_id) == ("conflict", None)


def test_a_key_is_its_tenant_s_own_and_forgotten_after_a_day(life: Any) -> None:
    acme, bolt = life.caller("acme"), life.caller("bolt")
    life.submit(life.other(1, tenant="acme"), caller=acme, idempotency=named())

    theirs = life.submit(life.other(1, tenant="bolt"), caller=bolt, idempotency=named())

    kept = [life.client.ttl(key) for key in life.all_keys() if b":idempotency:" in key]
    assert theirs.outcome == "created"
    assert kept == [86_400, 86_400]


def test_a_key_finds_a_job_that_was_joined_or_known_already(life: Any) -> None:
    first = life.submit(life.other(1))
    joined = life.submit(life.other(1), idempotency=named("j"))
    life.complete(first.job_id)
    cached = life.submit(life.other(1), idempotency=named("c"))

    again = [life.submit(life.other(1), idempotency=named(key)) for key in "jc"]

    assert [joined.outcome, cached.outcome] == ["joined", "cached"]
    assert [each.outcome for each in again] == ["replayed", "replayed"]
    assert [each.job_id for each in again] == [first.job_id, cached.job_id]


def test_a_chosen_id_is_replayed_or_in_conflict_by_what_was_asked_under_it(life: Any) -> None:
    spec = life.other(1)
    life.submit(spec)
    life.now += 1

    same = life.submit(replace(spec, created_at=life.now))
    different = life.submit(life.other(2, id=spec.id))

    assert (same.outcome, same.job_id) == ("replayed", spec.id)
    assert (different.outcome, different.job_id) == ("conflict", None)


def test_a_chosen_id_goes_by_the_payload_where_one_is_given(life: Any) -> None:
    """The service fills in numbers that depend on its speed; the client sent the same bytes."""
    spec = life.other(1)
    life.submit(spec, idempotency=named(spec.id))
    life.client.delete(*[key for key in life.all_keys() if b":idempotency:" in key])

    slower = replace(spec, params=SmoothingParams(sigma=0.25, n0=20, n=50), created_at=life.now - 1)

    assert life.submit(slower, idempotency=named(spec.id)).outcome == "replayed"
    assert life.submit(slower, idempotency=named(spec.id, "33" * 32)).outcome == "conflict"


def test_an_id_that_another_tenant_chose_is_taken_and_tells_nothing(life: Any) -> None:
    spec = life.other(1)
    life.submit(spec)

    theirs = life.submit(replace(spec, tenant="acme"), caller=life.caller("acme"))

    assert (theirs.outcome, theirs.job_id, theirs.limit) == ("conflict", None, None)


def test_a_deleted_id_is_not_used_again(life: Any) -> None:
    spec = life.other(1)
    life.submit(spec)
    life.run(store.delete(spec.id, tenant="local", now=life.now))

    assert life.submit(life.other(1, id=spec.id)).outcome == "conflict"


def test_a_known_answer_is_shown_by_one_job_however_often_it_is_asked_for(life: Any) -> None:
    life.complete(life.submit(life.other(1)).job_id)
    shown = life.submit(life.other(1))
    images = [key for key in life.all_keys() if key.endswith(b":image")]
    webhook = WebhookRef(url="https://example.org/", events=())

    again = [life.submit(life.other(1, **each)) for each in ({}, {"webhook": webhook})]
    grouped = life.submit(life.other(1, group="e"))

    assert {each.outcome for each in (shown, *again, grouped)} == {"cached"}
    assert {each.job_id for each in (*again, grouped)} == {shown.job_id}
    assert [key for key in life.all_keys() if key.endswith(b":image")] == images
    (listed,) = life.run(store.list_jobs("local", group="e", now=life.now)).jobs
    assert listed.spec.id == shown.job_id


def test_a_job_shows_a_known_answer_while_it_will_be_there_for_hours(life: Any) -> None:
    life.complete(life.submit(life.other(1)).job_id)
    shown = life.submit(life.other(1)).job_id
    life.client.delete(*[key for key in life.all_keys() if b":known:" in key])

    assert life.submit(life.other(1)).job_id != shown
    (known,) = [life.client.ttl(key) for key in life.all_keys() if b":known:" in key]
    assert known == 43_200


def test_a_deleted_job_shows_nothing_and_leaves_no_picture(life: Any) -> None:
    first = life.submit(life.other(1)).job_id
    life.complete(first)
    shown = life.submit(life.other(1)).job_id
    life.submit(life.other(1))
    for job_id in (first, shown):
        life.run(store.delete(job_id, tenant="local", now=life.now))
    kept = [key for key in life.all_keys() if b":job:" in key]

    again = life.submit(life.other(1))

    assert kept == []
    assert again.outcome == "cached"
    assert again.job_id not in (first, shown)
    assert life.read(again.job_id).certificate is not None


def test_no_tenant_is_shown_the_job_of_another(life: Any) -> None:
    shown = []
    for name in ("acme", "bolt"):
        caller = life.caller(name)
        life.complete(life.submit(life.other(1, tenant=name), caller=caller).job_id)
        shown += [life.submit(life.other(1, tenant=name), caller=caller).job_id for _ in range(2)]

    assert shown[0] == shown[1] != shown[2] == shown[3]


@pytest.mark.parametrize("name", [None, named()])
def test_sending_a_submission_again_gives_the_same_answer_and_charges_nothing(
    life: Any, name: Any
) -> None:
    acme = life.caller("acme", requests_per_minute=60, draws_per_day=10_000, live_jobs=5)
    specs = [life.other(1, tenant="acme") for _ in range(2)]
    told = [life.submit(spec, caller=acme, idempotency=name and named("a")) for spec in specs[:1]]
    told += [life.submit(spec, caller=acme, idempotency=name and named("b")) for spec in specs[1:]]
    life.complete(specs[0].id)
    known = [life.other(1, tenant="acme") for _ in range(2)]
    told += [
        life.submit(spec, caller=acme, idempotency=name and named(key))
        for spec, key in zip(known, "cd", strict=True)
    ]
    before = life.run(store.usage(acme, now=life.now))

    again = [
        life.submit(spec, caller=acme, idempotency=name and named(key))
        for spec, key in zip([*specs, *known], "abcd", strict=True)
    ]

    assert [each.outcome for each in told] == ["created", "joined", "cached", "cached"]
    assert [(each.outcome, each.job_id) for each in again] == [
        (each.outcome, each.job_id) for each in told
    ]
    assert life.run(store.usage(acme, now=life.now)) == before


def test_a_spec_of_another_tenant_than_the_caller_is_our_own_mistake(life: Any) -> None:
    with pytest.raises(ValueError, match="a job of 'local' cannot be submitted by 'acme'"):
        life.submit(life.other(1), caller=life.caller("acme"))


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


def test_a_waiting_job_becomes_as_urgent_as_whoever_joins_it(life: Any) -> None:
    batch = life.submit(life.other(1, priority="batch")).job_id
    for number in range(2, 5):
        life.submit(life.other(number))

    life.submit(life.other(1, priority="interactive"))

    assert life.read(batch).progress.queue_position == 1
    assert life.admit(window=1)[0].job_id == batch


def test_ends_are_told_of_only_where_somebody_is_to_be_told(life: Any) -> None:
    webhook = WebhookRef(url="https://example.org/", events=("job.succeeded",))
    told = life.other(1, webhook=webhook, tenant="acme")
    life.submit(told, caller=life.caller("acme"))
    life.submit(life.other(2))
    life.complete(told.id)
    again = life.other(1, webhook=webhook, tenant="acme")
    life.submit(again, caller=life.caller("acme"))

    entries = [entry for _, entry in life.client.xrange("dmae:outbox")]

    assert [entry[b"job"].decode() for entry in entries] == [told.id, again.id]
    version = life.read(told.id, "acme").version
    assert entries[0] == {
        b"job": told.id.encode(),
        b"tenant": b"acme",
        b"state": b"succeeded",
        b"version": str(version).encode(),
        b"at": entries[0][b"at"],
    }


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
