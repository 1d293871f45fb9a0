"""Ids that clients choose: whatever tenants do with equal ones, each has its own jobs and votes."""

from typing import Any

import pytest

from jobs import deliveries, evaluations, keys, ledger, store
from jobs.caller import Idempotency
from jobs.deliveries import Ended, Message
from jobs.evaluation_record import EvaluationSpec, Item
from jobs.record import WebhookRef
from smoothing.params import SmoothingParams

pytestmark = pytest.mark.redis


def named(payload: str = "11" * 32) -> Idempotency:
    return Idempotency(key="job:one", payload_sha256=payload)


def test_votes_for_a_deleted_job_count_for_no_other_under_its_id(life: Any) -> None:
    acme, bolt = life.caller("acme"), life.caller("bolt")
    easy = life.other(1, tenant="acme")
    life.submit(easy, caller=acme)
    chunk = life.admit()[0]
    life.begin(chunk)
    life.run(store.delete(easy.id, tenant="acme", now=life.now))

    hard = life.submit(life.other(2, tenant="bolt", id=easy.id), caller=bolt)
    life.admit()

    assert life.commit(chunk).outcome == "gone"
    assert (hard.outcome, hard.job_id) == ("conflict", None)


def test_nor_do_those_for_a_job_that_was_forgotten_soon(life: Any) -> None:
    acme, bolt = life.caller("acme"), life.caller("bolt")
    easy = life.submit(life.other(1, tenant="acme"), caller=acme).job_id
    life.begin(life.admit()[0])
    life.run(store.cancel(easy, tenant="acme", now=life.now))
    soon = [key for key in life.all_keys() if 0 < life.client.ttl(key) <= 3_600]
    assert f"dmae:job:{{{easy}}}".encode() in soon
    life.client.delete(*soon)

    hard = life.submit(life.other(2, tenant="bolt", id=easy), caller=bolt)

    assert (hard.outcome, hard.job_id) == ("conflict", None)


def test_an_id_that_joined_a_job_leads_no_other_tenant_there(life: Any) -> None:
    acme, bolt = life.caller("acme"), life.caller("bolt")
    running = life.submit(life.other(1, tenant="acme"), caller=acme).job_id
    chosen = life.other(1, tenant="acme")
    assert life.submit(chosen, caller=acme).job_id == running

    theirs = life.submit(life.other(2, tenant="bolt", id=chosen.id), caller=bolt)

    assert (theirs.outcome, theirs.job_id) == ("created", chosen.id)


def test_an_id_that_joined_a_job_is_a_conflict_for_another_question(life: Any) -> None:
    running = life.submit(life.other(1)).job_id
    chosen = life.other(1)
    assert life.submit(chosen, idempotency=named()).job_id == running

    other = life.submit(life.other(2, id=chosen.id), idempotency=named("22" * 32))

    assert (other.outcome, other.job_id) == ("conflict", None)


def test_nobody_is_told_of_another_tenant_s_job(life: Any) -> None:
    acme = life.caller("acme")
    job_id = life.submit(life.other(1, tenant="acme"), caller=acme).job_id
    receiver = WebhookRef(url="https://example.com/", events=("job.succeeded",))

    added = life.run(deliveries.subscribe(job_id, tenant="bolt", webhook=receiver))

    assert not added
    assert life.run(deliveries.subscribed(job_id)) == ()


@pytest.mark.parametrize("left", ["deliveries", "webhooks"])
def test_what_a_forgotten_job_has_left_is_no_other_tenant_s(life: Any, left: str) -> None:
    """Its messages are kept for longer than itself, and its receivers may be."""
    acme, bolt = life.caller("acme"), life.caller("bolt")
    job_id = life.submit(life.other(1, tenant="acme"), caller=acme).job_id
    receiver = WebhookRef(url="https://example.com/", events=("job.succeeded",))
    life.run(deliveries.subscribe(job_id, tenant="acme", webhook=receiver))
    message = Message(
        id="m", event="job.succeeded", tenant="acme", url="https://x/", body="{}", created_at=0
    )
    ended = Ended(entry="1-0", job_id=job_id, tenant="acme")
    life.run(deliveries.add(ended, [message], now=life.now))
    of_job = {key for key in life.all_keys() if job_id.encode() in key}
    of_job.remove(f"dmae:job:{{{job_id}}}:{left}".encode())
    life.client.delete(*of_job)

    theirs = life.submit(life.other(2, tenant="bolt", id=job_id), caller=bolt)

    assert (theirs.outcome, theirs.job_id) == ("conflict", None)


def test_an_evaluation_neither_believes_nor_ends_another_tenant_s_job(life: Any) -> None:
    acme, bolt = life.caller("acme"), life.caller("bolt")
    spec = EvaluationSpec(
        id=keys.new_job_id(),
        name="mine",
        caller=acme,
        model=life.spec().model,
        params=SmoothingParams(sigma=0.25, n0=20, n=100),
        draws_each=120,
        created_at=life.now,
        deadline_at=life.now + 3600,
    )
    child = evaluations.child_id(spec.id, 0)
    life.submit(life.other(1, tenant="bolt", id=child), caller=bolt)
    room = evaluations.Room(evaluations=2, image_bytes=100, own_image_bytes=100)
    items = (Item(name="a.png", label=0), Item(name="b.png", label=0))
    life.run(
        evaluations.create(spec, items, upload_id="uploads", num_bytes=0, room=room, now=life.now)
    )
    life.run(evaluations.placed(spec.id, 0, job_id=child, own=True, now=life.now))

    told = life.run(evaluations.read(spec.id, tenant="acme", now=life.now, items=True))
    life.run(evaluations.delete(spec.id, tenant="acme", now=life.now))

    assert "deleted" in str(told)
    assert life.read(child, tenant="bolt").state == "queued"


def test_a_worker_s_chunk_of_a_deleted_job_is_gone(life: Any) -> None:
    job_id, (chunk, *_) = life.started()
    life.run(store.delete(job_id, tenant="local", now=life.now))

    begun = life.run(ledger.begin(chunk, worker="w", now=life.now))

    assert begun.outcome == "gone"
