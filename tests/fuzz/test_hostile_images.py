"""A thousand hostile images through the whole service: a documented answer for each, soon."""

import asyncio
import json
import random
import time
from collections import Counter
from typing import Any

import httpx
import pytest

from tests.fuzz.corpus import seeds, spoilt

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

HOSTILE = 1_000
AT_ONCE = 8
DOCUMENTED = {
    "unreadable-image",
    "unsupported-image",
    "image-too-large",
    "invalid-parameter",
    "malformed-form",
}


def hostile_images() -> list[bytes]:
    """The corpus, and what accidents make of it; the same at every run."""
    corpus, chance = [data for _, data in seeds()], random.Random(20)  # noqa: S311
    made = [spoilt(chance.choice(corpus), chance) for _ in range(HOSTILE - len(corpus))]
    return corpus + made


def name_of(answer: httpx.Response) -> str:
    """The slug of a problem, else "job"."""
    if answer.status_code in {200, 202}:
        return "job"
    assert answer.headers["content-type"] == "application/problem+json"
    return json.loads(answer.content)["type"].removeprefix("/problems/")


async def test_a_thousand_hostile_images_get_documented_answers(service: Any) -> None:
    slots, slowest, outcomes = asyncio.Semaphore(AT_ONCE), 0.0, Counter[str]()

    async def send(image: bytes) -> None:
        nonlocal slowest
        async with slots:
            began = time.perf_counter()
            answer = await service.certify(image, n=1_000, mode="predict")
            slowest = max(slowest, time.perf_counter() - began)
        outcomes[name_of(answer)] += 1

    await asyncio.gather(*map(send, hostile_images()))

    assert outcomes.total() == HOSTILE
    assert set(outcomes) <= DOCUMENTED | {"job"}
    assert min(outcomes[name] for name in ("job", "unreadable-image", "unsupported-image")) > 50
    assert slowest < 3


async def test_the_service_is_whole_after_them(service: Any, picture: Any) -> None:
    for image in hostile_images()[:50]:
        await service.certify(image)

    assert (await service.certify(picture())).status_code == 202
    assert (await service.http.get("/jobs")).status_code == 200
