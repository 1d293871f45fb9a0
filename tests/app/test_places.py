"""Places of which nobody may have all."""

import asyncio

import pytest

from app.places import Places

pytestmark = pytest.mark.anyio


class Visitors:
    """Who is in, until they are told to go."""

    def __init__(self, number: int, *, most_each: int) -> None:
        self.places = Places(number, most_each=most_each)
        self.inside: list[str] = []
        self.go = asyncio.Event()

    async def come(self, tenant: str) -> None:
        async with self.places.one(tenant):
            self.inside.append(tenant)
            await self.go.wait()


async def let_in(visitors: Visitors, *tenants: str) -> list[asyncio.Task[None]]:
    coming = [asyncio.create_task(visitors.come(tenant)) for tenant in tenants]
    for _ in range(5):
        await asyncio.sleep(0)
    return coming


async def test_one_tenant_leaves_a_place_for_another() -> None:
    visitors = Visitors(2, most_each=1)

    coming = await let_in(visitors, "slow", "slow", "slow", "other")

    assert visitors.inside == ["slow", "other"]
    visitors.go.set()
    await asyncio.gather(*coming)
    assert sorted(visitors.inside) == ["other", "slow", "slow", "slow"]


async def test_many_tenants_have_no_more_than_all_places() -> None:
    visitors = Visitors(3, most_each=2)

    coming = await let_in(visitors, "a", "b", "c", "d")

    assert visitors.inside == ["a", "b", "c"]
    visitors.go.set()
    await asyncio.gather(*coming)


async def test_who_is_cancelled_while_waiting_takes_no_place() -> None:
    visitors = Visitors(2, most_each=1)
    _, waiting = await let_in(visitors, "slow", "slow")

    waiting.cancel()
    await let_in(visitors, "other")

    assert visitors.inside == ["slow", "other"]
    visitors.go.set()


async def test_who_may_have_all_places_still_lets_others_be_next() -> None:
    visitors = Visitors(2, most_each=2)

    coming = await let_in(visitors, "many", "many", "many", "many", "other")
    visitors.go.set()
    await asyncio.gather(*coming)

    assert visitors.inside == ["many", "many", "other", "many", "many"]
