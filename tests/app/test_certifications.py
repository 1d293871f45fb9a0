"""A request becomes a job, joins one, or finds its certificate."""

import asyncio
import hashlib
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

Picture = Callable[..., bytes]


async def test_a_new_request_is_accepted_with_the_address_of_its_job(
    service: Any, picture: Picture
) -> None:
    answer = await service.certify(picture(), n=500)

    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == job["links"]["self"] == f"/jobs/{job['id']}"
    assert int(answer.headers["retry-after"]) >= 1
    assert job["state"] == "queued"
    assert job["certificate"] is None
    assert job["params"] == {
        "sigma": 0.25,
        "mode": "fixed",
        "n0": 100,
        "n": 500,
        "alpha": 0.001,
        "numerics": "sound",
        "bound": "top",
    }


async def test_the_expected_time_follows_from_what_waits_and_the_measured_speed(
    service: Any, picture: Picture, worker: Any
) -> None:
    worker.beat(speed=100.0)

    first = (await service.certify(picture(1), n=900)).json()
    second = (await service.certify(picture(2), n=900)).json()

    assert first["progress"]["eta_s"] == 10.0
    assert second["progress"]["eta_s"] == 20.0


async def test_the_upload_is_recorded_by_its_digest_and_size(
    service: Any, picture: Picture
) -> None:
    image = picture(size=(64, 48))

    job = (await service.certify(image)).json()

    assert job["image"]["sha256"] == hashlib.sha256(image).hexdigest()
    assert job["image"]["original_size"] == [64, 48]


async def test_workers_are_woken_for_a_new_job_and_not_for_a_joined_one(
    service: Any, picture: Picture
) -> None:
    first = (await service.certify(picture())).json()
    second = (await service.certify(picture())).json()

    assert first["id"] == second["id"]
    assert service.waker.woken == [first["model"]["id"]]


async def test_a_known_certificate_is_answered_at_once(
    service: Any, picture: Picture, worker: Any
) -> None:
    first = await service.certify(picture(), n=200)
    worker.work()

    again = await service.certify(picture(), n=200)

    job = again.json()
    assert again.status_code == 200
    assert (job["state"], job["cached"]) == ("succeeded", True)
    assert job["certificate"]["predicted"]["label"] == "cat"
    assert job["progress"]["eta_s"] is None
    assert job["id"] != first.json()["id"]


async def test_other_parameters_are_another_job(service: Any, picture: Picture) -> None:
    first = (await service.certify(picture(), n=200)).json()
    second = (await service.certify(picture(), n=200, sigma=0.5)).json()

    assert first["id"] != second["id"]


async def test_times_are_rfc_3339_in_utc(service: Any, picture: Picture) -> None:
    job = (await service.certify(picture())).json()

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", job["created_at"])
    created, deadline = (datetime.fromisoformat(job[k]) for k in ("created_at", "deadline_at"))
    assert (deadline - created).total_seconds() == pytest.approx(86_400)


@pytest.mark.parametrize(("speed", "n"), [(400.0, 10_000), (84.0, 1_000), (1.0, 1_000)])
async def test_the_default_n_is_the_largest_step_that_takes_two_minutes_at_most(
    service: Any, picture: Picture, worker: Any, speed: float, n: int
) -> None:
    worker.beat(speed=speed)

    job = (await service.certify(picture())).json()

    assert job["params"]["n"] == n


async def test_the_card_s_speed_counts_where_no_worker_is_alive(
    service: Any, picture: Picture
) -> None:
    job = (await service.certify(picture())).json()

    assert job["params"]["n"] == 10_000
    assert job["progress"]["eta_s"] == pytest.approx(10_100 / 400, abs=0.1)


async def test_a_wait_that_is_long_enough_gives_the_result(
    service: Any, picture: Picture, worker: Any
) -> None:
    asked = asyncio.create_task(service.certify(picture(), n=200, headers={"Prefer": "wait=20"}))
    await service.waker.called.wait()
    worker.work()

    answer = await asked

    assert answer.status_code == 200
    assert answer.headers["preference-applied"] == "wait=20"
    assert answer.json()["state"] == "succeeded"


async def test_a_wait_that_is_too_short_gives_the_job_as_it_stands(
    serve: Callable[..., Any], picture: Picture
) -> None:
    service = await serve(max_wait_s=0.1)

    answer = await service.certify(picture(), headers={"Prefer": "respond-async, wait=99"})

    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "wait=0"


async def test_a_full_queue_says_when_to_come_again(
    serve: Callable[..., Any],
    picture: Picture,
    worker: Any,
    problem: Callable[..., dict[str, Any]],
) -> None:
    service = await serve(backlog_limit_draws=1_000)
    worker.beat(speed=10.0)
    await service.certify(picture(1), n=700)

    answer = await service.certify(picture(2), n=400)

    body = problem(answer, 503, "queue-full")
    assert answer.headers["retry-after"] == "30"
    assert body["errors"][0]["limit"] == {"backlog_draws": 1_000, "backlog_jobs": 1_000}


async def test_a_full_queue_still_answers_what_is_known(
    serve: Callable[..., Any], picture: Picture, worker: Any
) -> None:
    service = await serve(backlog_limit_draws=1_000)
    await service.certify(picture(1), n=200)
    worker.work()
    await service.certify(picture(2), n=800)

    known = await service.certify(picture(1), n=200)
    joined = await service.certify(picture(2), n=800)

    assert (known.status_code, joined.status_code) == (200, 202)


async def test_an_operator_s_secret_needs_no_other_in_redis(
    serve: Callable[..., Any], picture: Picture, worker: Any
) -> None:
    service = await serve(dmae_secret="s" * 32)

    answer = await service.certify(picture())

    assert answer.status_code == 202
    assert worker.run.__self__._client.keys("*secret*") == []
