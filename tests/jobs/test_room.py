"""While the store's memory is nearly full nothing new comes in, and all that is there goes on."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from jobs import api_keys, evaluations, ledger, store
from jobs.api_key import ApiKey
from jobs.caller import UNLIMITED
from jobs.errors import StoreUnavailable
from tests.jobs.labelled import LabelledSet

pytestmark = pytest.mark.redis

KEY = ApiKey(
    id="0123456789ab",
    sha256="ab" * 32,
    name="lost",
    tenant="acme",
    scopes=frozenset({"read"}),
    quota=UNLIMITED,
    created_at=0,
)


class _Memory:
    """The memory that the server of the tests may take; much, beside what a script takes."""

    def __init__(self, life: Any) -> None:
        self._client = life.client
        self._client.setrange("ballast", 2**26 - 1, "x")

    def fill_to(self, share: float) -> None:
        used = self._client.info("memory")["used_memory"]
        self._client.config_set("maxmemory", int(used / share))


@pytest.fixture
def memory(life: Any) -> Iterator[_Memory]:
    yield _Memory(life)
    life.client.config_set("maxmemory", 0)
    life.client.delete("ballast")


def test_a_nearly_full_store_refuses_what_is_new(life: Any, memory: _Memory) -> None:
    memory.fill_to(0.95)

    with pytest.raises(StoreUnavailable, match="Redis is full"):
        life.submit()
    with pytest.raises(StoreUnavailable, match="Redis is full"):
        LabelledSet(life).begin()
    with pytest.raises(StoreUnavailable, match="Redis is full"):
        life.run(evaluations.upload("uploads", 0, b"x", now=life.now))
    assert life.client.keys("dmae:job:*") == []
    assert life.client.keys("dmae:evaluation:*") == []


def test_an_answer_that_is_known_takes_no_room_either(life: Any, memory: _Memory) -> None:
    known = life.other(1)
    life.submit(known)
    life.complete(known.id)
    life.run(store.delete(known.id, tenant="local", now=life.now))
    memory.fill_to(0.95)

    with pytest.raises(StoreUnavailable, match="Redis is full"):
        life.submit(life.other(1))


def test_a_nearly_full_store_lets_jobs_go_on_to_their_ends(life: Any, memory: _Memory) -> None:
    spec, other = life.other(1), life.other(2)
    life.submit(spec)
    life.submit(other)
    memory.fill_to(0.95)

    life.worker("w")
    life.complete(spec.id)
    life.run(store.cancel(other.id, tenant="local", now=life.now))

    assert [worker.instance for worker in life.run(store.workers())] == ["w"]
    assert life.run(store.read(spec.id, tenant="local", now=life.now)).certificate


def test_a_nearly_full_store_lets_keys_be_revoked_and_room_be_made(
    life: Any, memory: _Memory
) -> None:
    spec = life.other(1)
    life.submit(spec)
    life.run(api_keys.create(KEY))
    memory.fill_to(0.95)

    assert life.run(api_keys.revoke(KEY.id, now=time.time()))
    life.run(store.delete(spec.id, tenant="local", now=life.now))

    assert life.run(ledger.snapshot(spec.id)) is None


def test_there_is_room_where_the_server_has_no_limit_or_is_far_from_it(
    life: Any, memory: _Memory
) -> None:
    assert life.submit(life.other(1)).outcome == "created"
    memory.fill_to(0.5)

    assert life.submit(life.other(2)).outcome == "created"
