"""HEAD, wherever there is GET."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

VARYING = ("date", "x-request-id", "content-length", "transfer-encoding")


def lasting(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in VARYING}


@pytest.mark.parametrize("path", ["/", "/livez", "/models", "/jobs", "/openapi.json", "/nothing"])
async def test_head_is_get_without_the_body(service: Any, path: str) -> None:
    got = await service.http.get(path)

    answer = await service.http.head(path)

    assert (answer.status_code, answer.content) == (got.status_code, b"")
    assert lasting(answer) == lasting(got)


async def test_a_stream_ends_with_its_headers(service: Any, picture: Callable[..., bytes]) -> None:
    job = (await service.certify(picture(), n=100)).json()

    async with asyncio.timeout(5):
        answer = await service.http.head(f"/jobs/{job['id']}/events")

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.content == b""


async def test_where_there_is_no_get_there_is_no_head(service: Any) -> None:
    answer = await service.http.head("/certify")

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_over_the_wire_the_length_is_that_of_the_body(live: str) -> None:
    with httpx.Client(base_url=live) as client:
        got, answers = client.get("/models"), [client.head("/models") for _ in range(2)]

    assert [each.headers["content-length"] for each in answers] == [str(len(got.content))] * 2
