"""What the former release wrote is still read, worked on and finished by this one."""

import json
from typing import Any

import pytest

from jobs import codec, keys, ledger, store
from jobs.record import JobSpec, JobState

pytestmark = pytest.mark.redis
NEW_FIELDS = ("tenant", "priority", "request_id", "traceparent", "webhook", "group")


class _FormerRelease:
    """Writes as a release did that knew neither tenants nor books."""

    def __init__(self, life: Any) -> None:
        self.life, self.client = life, life.client

    def submit(self, number: int) -> JobSpec:
        spec = self.life.other(number)
        record = json.loads(codec.dump_spec(spec))
        for name in NEW_FIELDS:
            del record[name]
        document = keys.document_digest(spec)
        fields = {
            "state": "queued",
            "version": 1,
            "model": spec.model.id,
            "document": document,
            "spec": json.dumps(record),
            "key": keys.job_key(b"s" * 32, spec.request_digest).hex(),
            "phase": "selection",
            "start": 0,
            "stop": 20,
            "next": 0,
            "request_done": 0,
            "chunk": spec.chunk_size,
            "step": 0,
            "backoff": 4,
            "draws_done": 0,
            "draws_planned": 120,
            "deadline_at": spec.deadline_at,
        }
        name = f"dmae:job:{{{spec.id}}}"
        self.client.hset(name, mapping=fields)
        self.client.set(f"{name}:image", bytes(4 * 3 * 8 * 8))
        self.client.set(f"dmae:inflight:{document}", spec.id)
        self.client.rpush("dmae:queued:tiny", spec.id)
        self.client.zadd("dmae:live:tiny", {spec.id: spec.deadline_at})
        self.client.hset("dmae:remaining:tiny", spec.id, 120)
        for key in self.life.all_keys():
            self.client.expire(key, 90_000)
        return spec

    def start(self, spec: JobSpec) -> None:
        """Its worker took the first chunk, and died."""
        name = f"dmae:job:{{{spec.id}}}"
        self.client.lrem("dmae:queued:tiny", 0, spec.id)
        started = {"state": "running", "started_at": self.life.now, "next": 10}
        self.client.hset(name, mapping=started)
        self.client.zadd("dmae:running:tiny", {spec.id: self.life.now + 4})


@pytest.fixture
def former(life: Any) -> _FormerRelease:
    """The former release, on the same store."""
    return _FormerRelease(life)


def test_its_jobs_are_the_local_tenant_s_and_nobody_else_s(life: Any, former: Any) -> None:
    spec = former.submit(1)

    assert life.read(spec.id).spec == spec
    assert life.read(spec.id, "acme") is None
    assert life.run(store.version(spec.id, tenant="local")) == 1
    assert life.run(store.version(spec.id, tenant="acme")) is None
    assert life.submit(life.other(1)).job_id == spec.id


def test_its_queued_and_running_jobs_are_finished(life: Any, former: Any) -> None:
    queued, running = former.submit(1), former.submit(2)
    former.start(running)
    before = life.run(store.backlog(life.model, now=life.now))

    life.complete(queued.id)
    life.complete(running.id)

    assert (before.jobs, before.draws) == (2, 240)
    assert {life.read(spec.id).state for spec in (queued, running)} == {JobState.SUCCEEDED}
    assert life.run(store.backlog(life.model, now=life.now)).draws == 0
    assert life.submit(life.other(1)).outcome == "cached"


def test_what_its_dead_worker_held_is_sent_again(life: Any, former: Any) -> None:
    spec = former.submit(1)
    former.start(spec)
    life.now += 5

    (stuck,) = life.revive()

    assert [(chunk.start, chunk.stop) for chunk in stuck.chunks] == [(0, 10)]


def test_a_job_that_it_submits_meanwhile_is_found_within_a_minute(life: Any, former: Any) -> None:
    life.submit(life.other(1))
    life.admit(window=1)
    spec = former.submit(2)
    life.now += 60

    assert spec.id in {chunk.job_id for chunk in life.admit()}
    assert life.run(store.backlog(life.model, now=life.now)).draws == 240


def test_a_job_of_its_that_ends_takes_nothing_off_books_that_did_not_have_it(
    life: Any, former: Any
) -> None:
    spec = former.submit(1)

    life.run(store.cancel(spec.id, tenant="local", now=life.now))

    assert life.run(store.backlog(life.model, now=life.now)).draws == 0
    assert life.run(ledger.snapshot(spec.id)) is None


def test_a_certificate_counts_its_own_question_where_none_were_counted(
    life: Any, former: Any
) -> None:
    spec = former.submit(1)
    life.admit()

    assert life.snapshot(spec.id).attempts == 1


def test_heartbeats_of_its_workers_are_read(life: Any) -> None:
    life.worker("one")
    told = json.loads(life.client.get("dmae:worker:one"))
    del told["counters"]
    life.client.set("dmae:worker:one", json.dumps(told))

    (info,) = life.run(store.workers())

    assert (info.instance, info.counters) == ("one", {})
