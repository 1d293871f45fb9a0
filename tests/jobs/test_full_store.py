"""A store whose memory is full takes nothing new, and lets go of what it has."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from jobs import api_keys, store
from jobs.api_key import ApiKey
from jobs.caller import Quota
from jobs.errors import JobGone, StoreUnavailable

pytestmark = pytest.mark.redis


@pytest.fixture
def full(client: redis.Redis) -> Iterator[Any]:
    """Fills the store."""
    yield lambda: client.config_set("maxmemory", 1)
    client.config_set("maxmemory", 0)


def test_what_is_new_is_refused_and_the_reason_is_said(life: Any, full: Any) -> None:
    full()

    with pytest.raises(StoreUnavailable, match="Redis is full"):
        life.submit(life.spec())


@pytest.mark.parametrize("ended", [True, False])
def test_jobs_can_be_deleted(life: Any, full: Any, *, ended: bool) -> None:
    spec = life.other(1)
    life.submit(spec)
    if ended:
        life.complete(spec.id)
    full()

    life.run(store.delete(spec.id, tenant="local", now=life.now))

    with pytest.raises(JobGone):
        life.read(spec.id)


def test_a_job_can_be_cancelled(life: Any, full: Any) -> None:
    job_id = life.submit(life.spec()).job_id
    full()

    life.run(store.cancel(job_id, tenant="local", now=life.now))

    assert life.read(job_id).state == "cancelled"


def test_evaluations_can_be_cancelled_and_deleted(evaluation: Any, full: Any) -> None:
    job_id = evaluation.place(0)
    full()

    evaluation.cancel()
    cancelled = evaluation.life.read(job_id).state
    evaluation.delete()

    assert cancelled == "cancelled"
    with pytest.raises(JobGone):
        evaluation.life.read(job_id)


def test_a_key_can_be_revoked(life: Any, full: Any) -> None:
    made = ApiKey(
        id="0123456789ab",
        sha256="ab" * 32,
        name="ci",
        tenant="ci",
        scopes=frozenset({"read"}),
        quota=Quota(),
        created_at=life.now,
        expires_at=None,
    )
    life.run(api_keys.create(made))
    full()

    assert life.run(api_keys.revoke(made.id, now=life.now))
    assert not life.run(api_keys.read(made.id)).opens(life.now)
