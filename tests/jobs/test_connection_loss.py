"""What a caller sees of a server that is away, and of the two ways to reach one."""

import time
from typing import Any

import pytest

from jobs import store
from jobs.command import AsyncRunner, SyncRunner
from jobs.connection import make_async_redis, make_redis
from jobs.errors import StoreUnavailable

pytestmark = pytest.mark.redis


def test_a_server_that_does_not_answer_is_known_to_be_away_within_a_second() -> None:
    begun = time.monotonic()

    with make_redis("unix:///nowhere/redis.sock") as client, pytest.raises(StoreUnavailable):
        SyncRunner(client).run(store.read("x", tenant="local", now=0))

    assert time.monotonic() - begun < 1


def test_a_server_that_must_not_write_for_want_of_replicas_is_away(life: Any) -> None:
    life.client.config_set("min-replicas-to-write", 1)
    try:
        with pytest.raises(StoreUnavailable):
            life.submit()
    finally:
        life.client.config_set("min-replicas-to-write", 0)


async def _read_asynchronously(url: str) -> object:
    async with make_async_redis(url) as client:
        return await AsyncRunner(client).run(store.read("x", tenant="local", now=0))


def test_the_event_loop_has_the_same_operations_and_errors(server: str) -> None:
    import asyncio

    assert asyncio.run(_read_asynchronously(server)) is None
    begun = time.monotonic()
    with pytest.raises(StoreUnavailable):
        asyncio.run(_read_asynchronously("redis://127.0.0.1:1"))
    assert time.monotonic() - begun < 1
