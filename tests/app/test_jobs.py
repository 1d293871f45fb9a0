"""What can be done with a job after it was asked for."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

Picture = Callable[..., bytes]
Problem = Callable[..., dict[str, Any]]
UNKNOWN = "019a9f0e-8c3a-7d11-9b5e-3f1c2a4d5e6f"


@pytest.fixture
async def job(service: Any, picture: Picture) -> dict[str, Any]:
    """A queued job of 200 draws."""
    return (await service.certify(picture(), n=150, n0=50)).json()


async def test_progress_is_told_while_draws_are_made(
    service: Any, worker: Any, job: dict[str, Any]
) -> None:
    worker.commit(worker.admit()[0])

    now = (await service.http.get(job["links"]["self"])).json()

    assert now["state"] == "running"
    assert now["progress"]["phase"] == "selection"
    assert now["progress"]["draws_done"] == 50
    assert now["progress"]["draws_planned"] == 200
    assert now["certificate"] is None


async def test_a_finished_job_has_its_certificate(
    service: Any, worker: Any, job: dict[str, Any]
) -> None:
    worker.work()

    now = (await service.http.get(job["links"]["self"])).json()
    alone = await service.http.get(job["links"]["certificate"])

    assert (now["state"], now["cached"], now["error"]) == ("succeeded", False, None)
    assert now["finished_at"] >= now["started_at"] >= now["created_at"]
    assert alone.json() == now["certificate"] != {}


async def test_a_failed_job_says_why(service: Any, worker: Any, job: dict[str, Any]) -> None:
    worker.admit()
    worker.fail(job["id"])

    now = (await service.http.get(job["links"]["self"])).json()

    assert now["state"] == "failed"
    assert now["error"] == {"code": "chunk_failed", "message": "it broke"}


async def test_a_job_past_its_deadline_is_expired(
    serve: Callable[..., Any], picture: Picture
) -> None:
    service = await serve(job_deadline_s=0.05)
    job = (await service.certify(picture())).json()

    now = await service.http.get(job["links"]["self"], params={"wait": 5})

    assert now.json()["state"] == "expired"


@pytest.mark.parametrize("job_id", [UNKNOWN, "1", "x" * 300, "..%2Fmodels", UNKNOWN.upper()])
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/certificate")],
)
async def test_an_unknown_job_is_not_found(
    service: Any, method: str, path: str, job_id: str
) -> None:
    answer = await service.http.request(method, f"/jobs/{job_id}{path}")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_cancelling_is_idempotent(service: Any, job: dict[str, Any]) -> None:
    first = await service.http.post(job["links"]["cancel"])
    second = await service.http.post(job["links"]["cancel"])

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()
    assert first.json()["state"] == "cancelled"


async def test_a_job_that_succeeded_cannot_be_cancelled(
    service: Any, worker: Any, job: dict[str, Any], problem: Problem
) -> None:
    worker.work()

    body = problem(await service.http.post(job["links"]["cancel"]), 409, "job-already-finished")

    assert "succeeded" in body["detail"]


async def test_a_deleted_job_is_gone(service: Any, job: dict[str, Any], problem: Problem) -> None:
    deleted = await service.http.delete(job["links"]["self"])

    assert (deleted.status_code, deleted.content) == (204, b"")
    problem(await service.http.get(job["links"]["self"]), 410, "job-gone")
    problem(await service.http.delete(job["links"]["self"]), 410, "job-gone")


async def test_a_long_poll_returns_as_soon_as_the_job_ends(
    service: Any, worker: Any, job: dict[str, Any]
) -> None:
    poll = asyncio.create_task(service.http.get(job["links"]["self"], params={"wait": 30}))
    await asyncio.sleep(0.05)

    worker.work()

    assert (await asyncio.wait_for(poll, 5)).json()["state"] == "succeeded"


async def test_a_long_poll_is_cut_to_the_limit(serve: Callable[..., Any], picture: Picture) -> None:
    service = await serve(max_wait_s=0.05)
    job = (await service.certify(picture())).json()

    answer = await service.http.get(job["links"]["self"], params={"wait": 1_000})

    assert (answer.status_code, answer.json()["state"]) == (200, "queued")


async def test_a_long_poll_by_preference_says_what_was_granted(
    service: Any, job: dict[str, Any]
) -> None:
    answer = await service.http.get(job["links"]["self"], headers={"Prefer": "wait=1"})

    assert answer.headers["preference-applied"] == "wait=1"


async def test_a_deleted_job_ends_its_long_polls(
    service: Any, job: dict[str, Any], problem: Problem
) -> None:
    poll = asyncio.create_task(service.http.get(job["links"]["self"], params={"wait": 30}))
    await asyncio.sleep(0.05)

    await service.http.delete(job["links"]["self"])

    problem(await asyncio.wait_for(poll, 5), 410, "job-gone")


@pytest.mark.parametrize("wait", ["-1", "nan", "inf", "long"])
async def test_a_wait_that_is_no_time_is_refused(
    service: Any, job: dict[str, Any], problem: Problem, wait: str
) -> None:
    answer = await service.http.get(job["links"]["self"], params={"wait": wait})

    (error,) = problem(answer, 422, "invalid-parameter")["errors"]
    assert (error["field"], error["value"]) == ("wait", wait)


async def test_a_preference_that_makes_no_sense_is_ignored(
    service: Any, job: dict[str, Any]
) -> None:
    answer = await service.http.get(job["links"]["self"], headers={"Prefer": "wait=soon"})

    assert answer.status_code == 200
    assert "preference-applied" not in answer.headers


async def test_an_unchanged_job_is_not_sent_again(
    service: Any, worker: Any, job: dict[str, Any]
) -> None:
    here = job["links"]["self"]
    tag = (await service.http.get(here)).headers["etag"]

    unchanged = await service.http.get(here, headers={"If-None-Match": tag})
    of_any = await service.http.get(here, headers={"If-None-Match": "*"})
    worker.work()
    changed = await service.http.get(here, headers={"If-None-Match": tag})

    assert (unchanged.status_code, unchanged.content, of_any.status_code) == (304, b"", 304)
    assert unchanged.headers["etag"] == tag
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


async def test_a_long_poll_for_a_change_that_there_was_already_does_not_wait(
    service: Any, worker: Any, job: dict[str, Any]
) -> None:
    here = job["links"]["self"]
    tag = (await service.http.get(here)).headers["etag"]
    worker.commit(worker.admit()[0])

    async with asyncio.timeout(10):
        answer = await service.http.get(here, params={"wait": 30}, headers={"If-None-Match": tag})

    assert answer.json()["state"] == "running"


async def test_a_long_poll_with_a_tag_returns_at_the_next_change(
    service: Any, worker: Any, job: dict[str, Any]
) -> None:
    here = job["links"]["self"]
    tag = (await service.http.get(here)).headers["etag"]
    poll = asyncio.create_task(
        service.http.get(here, params={"wait": 30}, headers={"If-None-Match": tag})
    )
    await asyncio.sleep(0.05)

    worker.commit(worker.admit()[0])

    assert (await asyncio.wait_for(poll, 5)).json()["state"] == "running"
