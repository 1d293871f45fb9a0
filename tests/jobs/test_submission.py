"""What becomes of a submission: the same, once, however often it is sent."""

from dataclasses import replace
from typing import Any

import pytest

from jobs import store
from jobs.caller import Idempotency
from jobs.record import WebhookRef
from smoothing.params import SmoothingParams

pytestmark = pytest.mark.redis


def named(key: str = "k", payload: str = "11" * 32) -> Idempotency:
    return Idempotency(key=key, payload_sha256=payload)


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

    assert {each.outcome for each in (shown, *again)} == {"cached"}
    assert {each.job_id for each in again} == {shown.job_id}
    assert [key for key in life.all_keys() if key.endswith(b":image")] == images


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

    assert entries == [
        {b"job": job_id.encode(), b"tenant": b"acme"} for job_id in (told.id, again.id)
    ]
