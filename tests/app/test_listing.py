"""One's own jobs, page by page."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

Picture = Callable[..., bytes]
Problem = Callable[..., dict[str, Any]]


async def certified(service: Any, picture: Picture, count: int) -> list[str]:
    answers = [await service.certify(picture(seed), n=100) for seed in range(count)]
    return [answer.json()["id"] for answer in answers]


async def test_jobs_are_listed_newest_first(service: Any, picture: Picture) -> None:
    ids = await certified(service, picture, 3)

    answer = await service.http.get("/jobs")

    assert [job["id"] for job in answer.json()["jobs"]] == ids[::-1]
    assert answer.json()["next"] is None
    assert "link" not in answer.headers


async def test_pages_follow_one_another_without_gaps(service: Any, picture: Picture) -> None:
    ids = await certified(service, picture, 5)
    seen: list[str] = []
    path = "/jobs?limit=2"
    while path:
        answer = await service.http.get(path)
        if not seen:
            await certified(service, picture, 6)  # new jobs move no page
        page = answer.json()
        seen += [job["id"] for job in page["jobs"]]
        path = page["next"]
        assert answer.headers.get("link") == (f'<{path}>; rel="next"' if path else None)

    assert seen == ids[::-1]


async def test_only_jobs_of_some_states_are_listed(
    service: Any, worker: Any, picture: Picture
) -> None:
    done, cancelled = await certified(service, picture, 2)
    await service.http.post(f"/jobs/{cancelled}/cancel")
    worker.work()
    waiting = (await service.certify(picture(9), n=100)).json()["id"]

    async def of(query: str) -> list[str]:
        return [job["id"] for job in (await service.http.get(f"/jobs?{query}")).json()["jobs"]]

    assert await of("state=queued") == [waiting]
    assert await of("state=succeeded&state=cancelled") == [cancelled, done]
    assert await of("state=failed") == []


async def test_a_filtered_list_goes_on_with_its_filter(service: Any, picture: Picture) -> None:
    await certified(service, picture, 3)

    page = (await service.http.get("/jobs?state=queued&limit=1")).json()

    assert page["next"].startswith("/jobs?state=queued&limit=1&cursor=")


async def test_a_queued_job_knows_its_place(service: Any, picture: Picture) -> None:
    ids = await certified(service, picture, 3)

    jobs = [(await service.http.get(f"/jobs/{job_id}")).json() for job_id in ids]

    assert [job["progress"]["queue_position"] for job in jobs] == [1, 2, 3]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("cursor=nonsense", "cursor"),
        ("cursor=" + "x" * 300, "cursor"),
        ("state=done", "state"),
    ],
)
async def test_a_list_that_cannot_be_is_refused(
    service: Any, problem: Problem, query: str, field: str
) -> None:
    answer = await service.http.get(f"/jobs?{query}")

    (error,) = problem(answer, 422, "invalid-parameter")["errors"]
    assert error["field"] == field
