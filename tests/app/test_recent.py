"""Answers that are used again for a moment, and asked for once."""

import asyncio

import pytest

from app.recent import FRESH_S, Recent

pytestmark = pytest.mark.anyio


class Store:
    """Answers when it is told to, and counts how often it was asked."""

    def __init__(self, *answers: str | Exception | None) -> None:
        self.asked = 0
        self.open = asyncio.Event()
        self._answers = list(answers)

    async def answer(self) -> str | None:
        self.asked += 1
        answer = self._answers.pop(0)
        await self.open.wait()
        if isinstance(answer, Exception):
            raise answer
        return answer


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_many_who_ask_at_once_ask_the_store_once() -> None:
    store, recent = Store("yes"), Recent[str | None](Clock())

    waiting = [asyncio.create_task(recent.get("key", store.answer)) for _ in range(50)]
    await asyncio.sleep(0)
    store.open.set()

    assert await asyncio.gather(*waiting) == ["yes"] * 50
    assert store.asked == 1


async def test_an_answer_is_used_again_for_a_second_from_when_it_was_asked_for() -> None:
    store, clock = Store("first", "second"), Clock()
    recent = Recent[str | None](clock)
    waiting = asyncio.create_task(recent.get("key", store.answer))
    await asyncio.sleep(0)
    clock.now += 0.75 * FRESH_S  # while the store takes its time
    store.open.set()

    answers = [await waiting, await recent.get("key", store.answer)]
    clock.now += 0.5 * FRESH_S

    assert [*answers, await recent.get("key", store.answer)] == ["first", "first", "second"]


async def test_what_is_not_there_is_asked_for_each_time() -> None:
    store, recent = Store(None, "made since"), Recent[str | None](Clock())
    store.open.set()

    assert await recent.get("key", store.answer) is None
    assert await recent.get("key", store.answer) == "made since"


async def test_whoever_stops_waiting_leaves_the_question_to_the_others() -> None:
    store, recent = Store("yes"), Recent[str | None](Clock())
    first = asyncio.create_task(recent.get("key", store.answer))
    second = asyncio.create_task(recent.get("key", store.answer))
    await asyncio.sleep(0)

    first.cancel()
    await asyncio.sleep(0)
    store.open.set()

    assert await second == "yes"
    assert first.cancelled()
    assert store.asked == 1


async def test_a_failure_reaches_all_who_waited_and_is_not_kept() -> None:
    store, recent = Store(OSError("away"), "back"), Recent[str | None](Clock())
    waiting = [asyncio.create_task(recent.get("key", store.answer)) for _ in range(3)]
    await asyncio.sleep(0)
    store.open.set()

    for each in waiting:
        with pytest.raises(OSError, match="away"):
            await each
    assert await recent.get("key", store.answer) == "back"
