"""Waits end with the work, with the time, or with the client."""

import asyncio
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from app.errors import BodyTimeout
from app.waiting import preferred_wait, while_connected

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("wait=10", 10),
        ("respond-async, wait=20", 20),
        ("WAIT = 5; x=1", 5),
        ('wait="7"', 7),
        ("return=minimal", None),
        ("wait=-1", None),
        ("wait=1e3", None),
        ("await=3", None),
        ("", None),
        (None, None),
    ],
)
async def test_the_preference_is_read_as_rfc_7240_has_it(
    header: str | None, seconds: int | None
) -> None:
    assert preferred_wait(header) == seconds


async def test_work_is_given_up_when_the_client_has_gone() -> None:
    ended: list[bool] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.01)
        return {"type": "http.disconnect"}

    with pytest.raises(ClientDisconnect):
        await while_connected(work(), receive)
    await asyncio.sleep(0)

    assert ended == [True]


async def test_work_that_fails_raises_its_own_error() -> None:
    async def work() -> None:
        raise LookupError("gone")

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    with pytest.raises(LookupError, match="gone"):
        await while_connected(work(), receive)


async def test_a_body_that_does_not_arrive_meanwhile_is_what_went_wrong() -> None:
    async def receive() -> dict[str, Any]:
        raise BodyTimeout(1)

    with pytest.raises(BodyTimeout):
        await while_connected(asyncio.sleep(60), receive)
