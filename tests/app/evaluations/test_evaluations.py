"""A labelled set over HTTP, from the upload to the figures."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from training.evaluation.table import parse_row

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

Picture = Callable[..., bytes]
Evaluate = Callable[..., Any]


async def test_an_archive_is_answered_at_once_and_evaluated_in_time(
    service: Any, worker: Any, archive: bytes, evaluate: Evaluate, finished: Any
) -> None:
    answer = await evaluate(service.http, archive, name="pets")

    assert answer.status_code == 202
    begun = answer.json()
    assert answer.headers["location"] == begun["links"]["self"] == f"/evaluations/{begun['id']}"
    assert int(answer.headers["retry-after"]) >= 1
    assert (begun["state"], begun["name"], begun["figures"]) == ("queued", "pets", None)
    assert begun["progress"]["draws_planned"] == 3 * 300

    done = await finished(service, worker, begun)

    assert done["state"] == "succeeded"
    assert done["finished_at"] is not None
    names = [(item["name"], item["label"]["label"], item["correct"]) for item in done["items"]]
    assert names == [
        ("3/b.png", "cat", True),
        ("cat/a.png", "cat", True),
        ("dog/c.png", "dog", False),
    ]
    assert {item["predicted"]["label"] for item in done["items"]} == {"cat"}
    assert done["progress"] == {
        "items": 3,
        "items_done": 3,
        "items_live": 0,
        "items_waiting": 0,
        "draws_done": 900,
        "draws_planned": 900,
        "eta_s": None,
    }


async def test_the_figures_are_those_of_the_images(
    service: Any, worker: Any, archive: bytes, evaluate: Evaluate, finished: Any
) -> None:
    begun = (await evaluate(service.http, archive)).json()

    done = await finished(service, worker, begun)
    figures = done["figures"]

    radius = done["items"][0]["radius"]
    assert radius == figures["radius_ceiling"] > 0.25
    assert (figures["images"], figures["left_out"], figures["provisional"]) == (3, 0, False)
    assert (figures["wrong"], figures["abstained"], figures["abstention_rate"]) == (1, 0, 0)
    assert figures["average_certified_radius"] == pytest.approx(2 * radius / 3)
    low = {point["radius"]: point["low"] for point in figures["certified_accuracy"]}
    # Two of three: (low / 1 - low) by the cubic that it solves, 3 p^2 - 2 p^3 = 0.025.
    assert 3 * low[0.25] ** 2 - 2 * low[0.25] ** 3 == pytest.approx(0.025)
    accuracy = [point["accuracy"] for point in figures["certified_accuracy"]]
    assert accuracy == [2 / 3, 2 / 3, 0, 0]
    assert "alpha" in done["params"]
    assert "Each certificate holds by itself" in done["statement"]


async def test_the_table_and_the_plot_are_of_the_same_images(
    service: Any, worker: Any, archive: bytes, evaluate: Evaluate, finished: Any
) -> None:
    begun = (await evaluate(service.http, archive)).json()
    empty = await service.http.get(begun["links"]["table"])
    done = await finished(service, worker, begun)

    table = await service.http.get(begun["links"]["table"])
    plot = await service.http.get(begun["links"]["plot"])

    assert empty.text == "idx\tlabel\tpredict\tradius\tcorrect\ttime\n"
    rows = [parse_row(line) for line in table.text.splitlines()[1:]]
    assert [(row.idx, row.label, row.predict, row.correct) for row in rows] == [
        (0, 3, 3, True),
        (1, 3, 3, True),
        (2, 5, 3, False),
    ]
    assert [row.radius for row in rows] == [item["radius"] for item in done["items"]]
    assert table.headers["content-type"].startswith("text/tab-separated-values")
    assert plot.headers["content-type"] == "image/svg+xml"
    assert "66.7 % at radius 0 (95 % interval 9.4 to 99.2 %)" in plot.text


async def test_parts_are_paired_in_their_order(
    service: Any, worker: Any, picture: Picture, evaluate: Evaluate, finished: Any
) -> None:
    files: list[Any] = []
    for index, label in enumerate(["cat", "5", "cat"]):
        files.append(("image", (f"{index}.png", picture(index))))
        files.append(("label", (None, label)))

    begun = (await evaluate(service.http, files=files)).json()
    done = await finished(service, worker, begun)

    told = [(item["name"], item["label"]["index"]) for item in done["items"]]
    assert told == [("0.png", 3), ("1.png", 5), ("2.png", 3)]


async def test_what_is_wrong_with_an_image_is_told_of_that_image_alone(
    serve: Any, worker: Any, picture: Picture, zipped: Any, evaluate: Evaluate, finished: Any
) -> None:
    service = await serve(max_upload_bytes=5_000)
    damaged = picture(9)[:200]
    files = {
        "cat/good.png": picture(1),
        "cat/damaged.png": damaged,
        "cat/notes.txt": b"these are my cats",
        "cat/huge.png": bytes(6_000),
        "cart/a.png": picture(2),
        "loose.png": picture(3),
    }

    begun = (await evaluate(service.http, zipped(files))).json()
    done = await finished(service, worker, begun)

    told = {
        item["name"]: (item["state"], (item["error"] or {}).get("code")) for item in done["items"]
    }
    assert told == {
        "cart/a.png": ("error", "unknown-label"),
        "cat/damaged.png": ("error", "damaged"),
        "cat/good.png": ("succeeded", None),
        "cat/huge.png": ("error", "image-too-large"),
        "cat/notes.txt": ("error", "not-an-image"),
        "loose.png": ("error", "no-label"),
    }
    assert "did you mean 'cat'" in done["items"][0]["error"]["message"]
    assert (done["state"], done["figures"]["images"], done["figures"]["left_out"]) == (
        "succeeded",
        1,
        5,
    )


async def test_equal_images_share_a_job_and_are_two_items(
    service: Any, worker: Any, picture: Picture, zipped: Any, evaluate: Evaluate, finished: Any
) -> None:
    files = {"cat/a.png": picture(1), "dog/b.png": picture(1)}

    begun = (await evaluate(service.http, zipped(files))).json()
    done = await finished(service, worker, begun)

    assert [item["correct"] for item in done["items"]] == [True, False]
    assert len({item["job"] for item in done["items"]}) == 1


async def test_what_is_known_already_is_not_drawn_again(
    service: Any, worker: Any, archive: bytes, evaluate: Evaluate, finished: Any, read: Any
) -> None:
    first = await finished(service, worker, (await evaluate(service.http, archive)).json())
    again = (await evaluate(service.http, archive)).json()

    done = await read(service, again)

    assert done["state"] == "succeeded"
    assert done["figures"]["certified_accuracy"] == first["figures"]["certified_accuracy"]


async def test_modes_and_defaults_are_those_of_a_single_certificate(
    service: Any, archive: bytes
) -> None:
    files = {"archive": archive}
    usual = await service.http.post("/evaluations", files=files, data={"sigma": "0.25"})
    decide = {"sigma": "0.25", "mode": "decide", "radius": "0.2"}
    asked = await service.http.post("/evaluations", files=files, data=decide)

    assert usual.json()["params"]["mode"] == "adaptive"
    assert usual.json()["params"]["n"] == 100_000
    assert asked.json()["params"]["radius"] == 0.2


async def test_jobs_are_those_of_the_caller_and_know_their_evaluation(
    service: Any, worker: Any, archive: bytes, evaluate: Evaluate, finished: Any
) -> None:
    begun = (await evaluate(service.http, archive)).json()
    done = await finished(service, worker, begun)

    job = (await service.http.get(done["items"][0]["job"])).json()
    certificate = job["certificate"]

    assert job["state"] == "succeeded"
    assert certificate["radius"] == done["items"][0]["radius"]


async def test_a_request_that_is_sent_again_under_its_name_begins_nothing(
    service: Any, archive: bytes, evaluate: Evaluate, problem: Any
) -> None:
    named = {"Idempotency-Key": "mine"}
    first = await evaluate(service.http, archive, headers=named)

    again = await evaluate(service.http, archive, headers=named)
    other = await evaluate(service.http, archive, headers=named, n=201)

    assert again.status_code == 202
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    problem(other, 422, "idempotency-conflict")
    listed = await service.http.get("/evaluations")
    assert len(listed.json()["evaluations"]) == 1


async def test_of_two_requests_at_a_time_under_one_name_the_other_is_refused(
    service: Any, archive: bytes, evaluate: Evaluate, problem: Any
) -> None:
    named = {"Idempotency-Key": "mine"}

    answers = await asyncio.gather(
        *(evaluate(service.http, archive, headers=named, n=n) for n in (200, 201))
    )

    begun, refused = sorted(answers, key=lambda answer: answer.status_code)
    assert begun.status_code == 202
    (error,) = problem(refused, 422, "idempotency-conflict")["errors"]
    assert (error["field"], error["value"]) == ("Idempotency-Key", "mine")
