"""A request that is named happens once, however often it is sent."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

Picture = Callable[..., bytes]
Problem = Callable[..., dict[str, Any]]


def named(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


async def put(service: Any, job_id: str, image: bytes, **fields: Any) -> Any:
    data = {"sigma": "0.25", "mode": "fixed"} | {key: str(value) for key, value in fields.items()}
    return await service.http.put(f"/jobs/{job_id}", files={"image": image}, data=data)


async def test_a_request_sent_again_finds_its_job(service: Any, picture: Picture) -> None:
    first = await service.certify(picture(), n=200, headers=named("a"))
    again = await service.certify(picture(), n=200, headers=named("a"))

    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]


async def test_a_request_sent_again_after_its_job_ended_finds_it_still(
    service: Any, picture: Picture, worker: Any
) -> None:
    first = await service.certify(picture(), n=200, headers=named("a"))
    worker.work()

    again = await service.certify(picture(), n=200, headers=named("a"))

    assert again.status_code == 202
    assert again.json()["id"] == first.json()["id"]
    assert again.json()["state"] == "succeeded"


async def test_a_request_that_was_known_is_known_again(
    service: Any, picture: Picture, worker: Any
) -> None:
    await service.certify(picture(), n=200)
    worker.work()

    first = await service.certify(picture(), n=200, headers=named("a"))
    again = await service.certify(picture(), n=200, headers=named("a"))

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json()["id"] == again.json()["id"]


@pytest.mark.parametrize("change", [{"n": 300}, {"sigma": 0.5}, {"alpha": 0.01}, {"image": 2}])
async def test_a_name_is_for_one_request(
    service: Any, picture: Picture, problem: Problem, change: dict[str, Any]
) -> None:
    image = picture(change.pop("image", 1))
    await service.certify(picture(1), n=200, headers=named("a"))

    answer = await service.certify(image, headers=named("a"), **{"n": 200, **change})

    (error,) = problem(answer, 422, "idempotency-conflict")["errors"]
    assert (error["field"], error["value"]) == ("Idempotency-Key", "a")


async def test_the_same_request_in_other_words_is_the_same(service: Any, picture: Picture) -> None:
    first = await service.certify(picture(), n=200, sigma="0.25", headers=named('"a"'))
    again = await service.certify(picture(), n=200, sigma="0.250", alpha="1e-3", headers=named("a"))

    assert again.json()["id"] == first.json()["id"]
    assert again.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "a b", "\xe9"])
async def test_a_name_that_is_none_is_refused(
    service: Any, picture: Picture, problem: Problem, key: str
) -> None:
    answer = await service.certify(picture(), headers=[(b"Idempotency-Key", key.encode("latin-1"))])

    (error,) = problem(answer, 422, "invalid-parameter")["errors"]
    assert error["field"] == "Idempotency-Key"


async def test_names_of_one_tenant_are_no_others(
    serve: Callable[..., Any], make_key: Callable[..., str], picture: Picture
) -> None:
    service = await serve(keys="required")

    answers = [
        await service.certify(
            picture(seed), headers={"X-API-Key": make_key(), "Idempotency-Key": "a"}
        )
        for seed in (1, 2)
    ]

    assert [answer.status_code for answer in answers] == [202, 202]


async def test_a_refused_request_does_not_use_up_its_name(
    service: Any, picture: Picture, problem: Problem
) -> None:
    problem(await service.certify(b"", headers=named("a")), 422, "unreadable-image")

    assert (await service.certify(picture(), headers=named("a"))).status_code == 202


async def test_a_job_may_be_put_under_an_id_of_one_s_own(service: Any, picture: Picture) -> None:
    job_id = str(uuid.uuid4())

    first = await put(service, job_id, picture(), n=200)
    again = await put(service, job_id, picture(), n=200)

    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"] == job_id
    assert first.headers["location"] == f"/jobs/{job_id}"
    assert again.headers["idempotency-replayed"] == "true"
    assert (await service.http.get(f"/jobs/{job_id}")).status_code == 200


async def test_an_id_is_for_one_request(service: Any, picture: Picture, problem: Problem) -> None:
    job_id = str(uuid.uuid4())
    await put(service, job_id, picture(), n=200)

    answer = await put(service, job_id, picture(), n=300)

    (error,) = problem(answer, 422, "idempotency-conflict")["errors"]
    assert (error["field"], error["value"]) == ("job_id", job_id)


async def test_a_job_put_again_after_it_was_deleted_is_gone(
    service: Any, picture: Picture, problem: Problem
) -> None:
    job_id = str(uuid.uuid4())
    await put(service, job_id, picture(), n=200)
    await service.http.delete(f"/jobs/{job_id}")

    problem(await put(service, job_id, picture(), n=200), 410, "job-gone")


async def test_an_id_put_for_what_is_running_already_names_that_job(
    service: Any, picture: Picture
) -> None:
    running = (await service.certify(picture(), n=200)).json()

    answer = await put(service, str(uuid.uuid4()), picture(), n=200)

    assert answer.json()["id"] == running["id"]
    assert answer.headers["location"] == running["links"]["self"]
    assert answer.headers["cache-status"] == "dmae; fwd=miss; collapsed"


async def test_a_known_answer_is_shown_by_one_job_whoever_asks_how_often(
    service: Any, picture: Picture, worker: Any
) -> None:
    await service.certify(picture(), n=200)
    worker.work()
    shown = (await service.certify(picture(), n=200)).json()

    again = await service.certify(picture(), n=200)
    under_an_id = await put(service, str(uuid.uuid4()), picture(), n=200)

    for answer in (again, under_an_id):
        assert (answer.status_code, answer.json()["id"]) == (200, shown["id"])
        assert answer.headers["location"] == shown["links"]["self"]
        assert answer.headers["cache-status"] == "dmae; hit"
    assert len((await service.http.get("/jobs")).json()["jobs"]) == 2


@pytest.mark.parametrize("job_id", ["1", "x" * 300, str(uuid.uuid4()).upper(), uuid.uuid4().hex])
async def test_an_id_that_is_no_uuid_is_refused(
    service: Any, picture: Picture, problem: Problem, job_id: str
) -> None:
    (error,) = problem(await put(service, job_id, picture()), 422, "invalid-parameter")["errors"]

    assert error["field"] == "job_id"
