"""What is refused before anything is queued, with the limit that it passed."""

from collections.abc import Callable
from typing import Any

import pytest

from jobs.caller import Quota

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

Evaluate = Callable[..., Any]


async def nothing_is_left(service: Any, worker: Any) -> None:
    listed = (await service.http.get("/evaluations")).json()["evaluations"]
    assert listed == []
    assert not list(worker._client.scan_iter("dmae:*image*"))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"sigma": "0.3"}, "sigma"),
        ({"mode": "guess"}, "mode"),
        ({"n": "0"}, "n"),
        ({"mode": "decide", "n": "5000"}, "radius"),
        ({"model": "nobody"}, "model"),
        ({"n0": "5", "mode": "adaptive"}, "n0"),
        ({"webhook_url": "https://example.com"}, "webhook_url"),
        ({"priority": "interactive"}, "priority"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_field_that_is_wrong_is_named(
    service: Any, archive: bytes, evaluate: Evaluate, problem: Any, fields: Any, field: str
) -> None:
    body = problem(await evaluate(service.http, archive, **fields), 422, "invalid-parameter")

    assert field in [error["field"] for error in body["errors"]]


async def test_neither_or_both_ways_of_sending_images_are_refused(
    service: Any, archive: bytes, picture: Any, evaluate: Evaluate, problem: Any
) -> None:
    image, label = ("image", ("a.png", picture())), ("label", (None, "cat"))

    for answer in (
        await evaluate(service.http, files=[label]),
        await evaluate(service.http, archive, files=[image, label]),
        await evaluate(service.http, files=[image, image, label]),
        await evaluate(service.http, archive, files=[("archive", ("b.zip", archive))]),
    ):
        problem(answer, 422, "invalid-parameter")


async def test_another_body_is_refused(service: Any, problem: Any, archive: bytes) -> None:
    bare = await service.http.post(
        "/evaluations", content=archive, headers={"content-type": "application/zip"}
    )

    body = problem(bare, 415, "unsupported-media-type")
    # Not the types of images, which would do for a certificate.
    assert body["errors"][0]["limit"] == {"supported": ["multipart/form-data"]}
    assert "image/" not in body["detail"]


@pytest.mark.parametrize("cut", [1, 30, 200])
async def test_a_damaged_archive_is_refused(
    service: Any, archive: bytes, evaluate: Evaluate, problem: Any, cut: int
) -> None:
    body = problem(await evaluate(service.http, archive[:-cut]), 422, "invalid-archive")

    assert body["errors"][0]["field"] == "archive"


async def test_a_set_without_one_good_image_is_refused_and_says_why(
    service: Any, worker: Any, zipped: Any, picture: Any, evaluate: Evaluate, problem: Any
) -> None:
    files = {"cat/a.png": b"no image", "dog/b.png": picture()[:100], "cow/c.png": picture()}

    body = problem(await evaluate(service.http, zipped(files)), 422, "invalid-parameter")

    assert [error["field"] for error in body["errors"]] == ["item 0", "item 1", "item 2"]
    assert "none of 3 images" in body["detail"]
    await nothing_is_left(service, worker)


async def test_an_empty_set_is_refused(
    service: Any, zipped: Any, evaluate: Evaluate, problem: Any
) -> None:
    problem(await evaluate(service.http, zipped({})), 422, "invalid-parameter")


@pytest.mark.parametrize("form", ["archive", "parts"])
async def test_more_images_than_allowed_are_refused(
    serve: Any, picture: Any, zipped: Any, evaluate: Evaluate, problem: Any, form: str
) -> None:
    service = await serve(max_evaluation_images=2)
    pictures = [picture(seed) for seed in range(3)]
    if form == "archive":
        zip_ = zipped({f"cat/{seed}.png": data for seed, data in enumerate(pictures)})
        answer = await evaluate(service.http, zip_)
    else:
        files = [("image", ("a.png", data)) for data in pictures]
        files += [("label", (None, "cat"))] * 3
        answer = await evaluate(service.http, files=files)

    body = problem(answer, 413, "evaluation-too-large")

    assert body["errors"][0]["limit"] == {"max_images": 2}


async def test_a_body_is_held_to_the_limit_of_its_path(
    serve: Any, archive: bytes, evaluate: Evaluate, problem: Any, zipped: Any, picture: Any
) -> None:
    small = await serve(max_evaluation_bytes=500)
    large = await serve(max_upload_bytes=500)
    many = zipped({f"cat/{seed}.png": picture(seed) + bytes(2000) for seed in range(40)})

    body = problem(await evaluate(small.http, archive), 413, "body-too-large")

    assert body["errors"][0]["limit"] == {"max_bytes": 500}
    assert len(many) > 500 + 64 * 1024
    answer = await evaluate(large.http, many)
    assert answer.json()["type"] != "/problems/body-too-large"


async def test_more_draws_than_allowed_are_refused(
    serve: Any, archive: bytes, evaluate: Evaluate, problem: Any, worker: Any
) -> None:
    service = await serve(max_evaluation_draws=899)

    body = problem(await evaluate(service.http, archive), 413, "evaluation-too-large")

    assert body["errors"][0]["limit"] == {"max_draws": 899}
    assert "3 images of up to 300 draws" in body["detail"]
    await nothing_is_left(service, worker)


@pytest.mark.parametrize("quota", [{"draws_queued": 299}, {"draws_per_day": 899}, {"live_jobs": 0}])
async def test_a_quota_that_it_can_never_fit_is_named(
    service: Any,
    make_key: Any,
    archive: bytes,
    evaluate: Evaluate,
    problem: Any,
    quota: dict[str, int],
) -> None:
    key = {"X-API-Key": make_key(quota=Quota(**quota))}

    answer = await evaluate(service.http, archive, headers=key)
    body = problem(answer, 429, "over-quota")

    assert set(body["errors"][0]["limit"]) == set(quota)
    assert "retry-after" not in answer.headers


async def test_draws_that_fit_tomorrow_are_refused_until_then(
    service: Any, make_key: Any, archive: bytes, picture: Any, evaluate: Evaluate, problem: Any
) -> None:
    key = {"X-API-Key": make_key(quota=Quota(draws_per_day=1000))}
    await service.certify(picture(77), headers=key, n=200)

    answer = await evaluate(service.http, archive, headers=key)

    problem(answer, 429, "over-quota")
    assert 0 < int(answer.headers["retry-after"]) <= 86_401


async def test_so_many_evaluations_of_a_caller_and_no_more(
    serve: Any, make_key: Any, archive: bytes, evaluate: Evaluate, problem: Any
) -> None:
    service = await serve(max_evaluations=1)
    one, other = ({"X-API-Key": make_key()} for _ in range(2))
    first = await evaluate(service.http, archive, headers=one)

    refused = await evaluate(service.http, archive, headers=one)
    body = problem(refused, 429, "too-many-evaluations")

    assert body["errors"][0]["limit"] == {"evaluations": 1}
    assert int(refused.headers["retry-after"]) >= 1
    assert (await evaluate(service.http, archive, headers=other)).status_code == 202
    await service.http.post(first.json()["links"]["cancel"], headers=one)
    assert (await evaluate(service.http, archive, headers=one)).status_code == 202


async def test_a_service_full_of_images_takes_no_more(
    serve: Any, archive: bytes, folder: dict[str, bytes], evaluate: Evaluate, problem: Any
) -> None:
    size = sum(map(len, folder.values()))
    service = await serve(evaluation_room_bytes=size - 1)

    refused = await evaluate(service.http, archive)
    body = problem(refused, 503, "evaluations-full")

    assert body["errors"][0]["limit"] == {"waiting_bytes": size - 1}
    assert int(refused.headers["retry-after"]) >= 1


async def test_without_redis_it_is_an_honest_503(
    serve: Any, archive: bytes, evaluate: Evaluate, problem: Any
) -> None:
    service = await serve(redis_url="redis://127.0.0.1:1/0", keys="off")

    problem(await evaluate(service.http, archive), 503, "store-unavailable")


async def test_a_key_that_may_only_read_cannot_begin_one(
    service: Any, make_key: Any, archive: bytes, evaluate: Evaluate, problem: Any
) -> None:
    key = {"X-API-Key": make_key("read")}

    problem(await evaluate(service.http, archive, headers=key), 403, "scope-missing")
