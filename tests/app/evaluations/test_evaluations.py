"""A labelled set over HTTP, from the upload to the figures."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from training.evaluation.table import parse_row

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

Picture = Callable[..., bytes]
Evaluate = Callable[..., Any]
UNKNOWN = "019a9f0e-8c3a-7d11-9b5e-3f1c2a4d5e6f"


async def read(service: Any, evaluation: dict[str, Any], **options: Any) -> dict[str, Any]:
    answer = await service.http.get(evaluation["links"]["self"], **options)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def finished(service: Any, worker: Any, evaluation: dict[str, Any]) -> dict[str, Any]:
    """The evaluation once all its jobs were submitted and done."""
    for _ in range(40):
        worker.work()
        evaluation = await read(service, evaluation)
        if evaluation["state"] not in ("queued", "running"):
            return evaluation
    raise AssertionError(evaluation)


async def test_an_archive_is_answered_at_once_and_evaluated_in_time(
    service: Any, worker: Any, archive: bytes, evaluate: Evaluate
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
    service: Any, worker: Any, archive: bytes, evaluate: Evaluate
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
    service: Any, worker: Any, archive: bytes, evaluate: Evaluate
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
    service: Any, worker: Any, picture: Picture, evaluate: Evaluate
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
    serve: Any, worker: Any, picture: Picture, zipped: Any, evaluate: Evaluate
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
    service: Any, worker: Any, picture: Picture, zipped: Any, evaluate: Evaluate
) -> None:
    files = {"cat/a.png": picture(1), "dog/b.png": picture(1)}

    begun = (await evaluate(service.http, zipped(files))).json()
    done = await finished(service, worker, begun)

    assert [item["correct"] for item in done["items"]] == [True, False]
    assert len({item["job"] for item in done["items"]}) == 1


async def test_what_is_known_already_is_not_drawn_again(
    service: Any, worker: Any, archive: bytes, evaluate: Evaluate
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
    service: Any, worker: Any, archive: bytes, evaluate: Evaluate
) -> None:
    begun = (await evaluate(service.http, archive)).json()
    done = await finished(service, worker, begun)

    job = (await service.http.get(done["items"][0]["job"])).json()
    certificate = job["certificate"]

    assert job["state"] == "succeeded"
    assert certificate["radius"] == done["items"][0]["radius"]


async def test_an_unchanged_evaluation_is_not_sent_again(
    service: Any, worker: Any, archive: bytes, evaluate: Evaluate
) -> None:
    begun = (await evaluate(service.http, archive)).json()
    done = await finished(service, worker, begun)
    first = await service.http.get(done["links"]["self"])

    second = await service.http.get(
        done["links"]["self"], headers={"If-None-Match": first.headers["etag"]}
    )

    assert (second.status_code, second.content) == (304, b"")
    assert second.headers["etag"] == first.headers["etag"]


async def test_a_long_poll_ends_with_the_next_change(
    service: Any, worker: Any, archive: bytes, evaluate: Evaluate
) -> None:
    begun = (await evaluate(service.http, archive)).json()
    first = await service.http.get(begun["links"]["self"])
    headers = {"If-None-Match": first.headers["etag"]}

    async def work() -> None:
        await asyncio.sleep(0.1)
        worker.commit(worker.admit()[0])

    answer, _ = await asyncio.gather(
        service.http.get(begun["links"]["self"], params={"wait": 5}, headers=headers), work()
    )

    assert answer.status_code == 200
    assert answer.json()["state"] == "running"
    assert answer.json()["progress"]["draws_done"] > 0


async def test_a_wait_that_is_too_short_answers_with_what_there_is(
    service: Any, archive: bytes, evaluate: Evaluate
) -> None:
    begun = (await evaluate(service.http, archive)).json()

    answer = await service.http.get(begun["links"]["self"], headers={"Prefer": "wait=1"})

    assert answer.json()["state"] == "queued"
    assert answer.headers["preference-applied"] == "wait=1"


async def test_cancelling_keeps_what_was_found(
    service: Any, worker: Any, archive: bytes, evaluate: Evaluate
) -> None:
    begun = (await evaluate(service.http, archive)).json()
    steps = worker.steps()
    for _ in steps:
        now = await read(service, begun)
        if now["figures"] is not None:
            break

    assert now["figures"]["provisional"]
    first = await service.http.post(begun["links"]["cancel"])
    again = await service.http.post(begun["links"]["cancel"])

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert first.json()["state"] == "cancelled"
    states = sorted(item["state"] for item in first.json()["items"])
    assert set(states) == {"succeeded", "cancelled"}


async def test_what_has_ended_by_itself_cannot_be_cancelled(
    service: Any, worker: Any, archive: bytes, evaluate: Evaluate, problem: Any
) -> None:
    done = await finished(service, worker, (await evaluate(service.http, archive)).json())

    problem(await service.http.post(done["links"]["cancel"]), 409, "evaluation-already-finished")


async def test_erasing_takes_the_jobs_along(
    service: Any, worker: Any, archive: bytes, evaluate: Evaluate, problem: Any
) -> None:
    done = await finished(service, worker, (await evaluate(service.http, archive)).json())

    erased = await service.http.delete(done["links"]["self"])

    assert erased.status_code == 204
    for path in ("self", "table", "plot"):
        problem(await service.http.get(done["links"][path]), 410, "evaluation-gone")
    problem(await service.http.get(done["items"][0]["job"]), 410, "job-gone")
    problem(await service.http.delete(done["links"]["self"]), 410, "evaluation-gone")


@pytest.mark.parametrize("evaluation_id", [UNKNOWN, "1", "x" * 300, UNKNOWN.upper()])
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("GET", ".tsv"), ("GET", "/plot.svg"), ("POST", "/cancel"), ("DELETE", "")],
)
async def test_an_unknown_evaluation_is_not_found(
    service: Any, problem: Any, evaluation_id: str, method: str, path: str
) -> None:
    answer = await service.http.request(method, f"/evaluations/{evaluation_id}{path}")

    problem(answer, 404, "evaluation-not-found")


async def test_pages_lead_from_the_newest_to_the_oldest(
    service: Any, archive: bytes, evaluate: Evaluate
) -> None:
    ids = [(await evaluate(service.http, archive, name=str(i))).json()["id"] for i in range(3)]

    first = await service.http.get("/evaluations", params={"limit": 2})
    second = await service.http.get(first.json()["next"])

    seen = [*first.json()["evaluations"], *second.json()["evaluations"]]
    assert [each["id"] for each in seen] == ids[::-1]
    assert "items" not in seen[0]
    assert first.headers["link"] == f'<{first.json()["next"]}>; rel="next"'
    assert second.json()["next"] is None


async def test_a_cursor_that_was_never_given_is_refused(service: Any, problem: Any) -> None:
    answer = await service.http.get("/evaluations", params={"cursor": UNKNOWN})

    assert answer.status_code in (400, 422)
    problem(answer, answer.status_code, "invalid-parameter")


async def test_to_others_it_does_not_exist(
    service: Any, make_key: Any, archive: bytes, evaluate: Evaluate, problem: Any
) -> None:
    mine, other = ({"X-API-Key": make_key()} for _ in range(2))
    begun = (await evaluate(service.http, archive, headers=mine)).json()

    assert (await service.http.get(begun["links"]["self"], headers=mine)).status_code == 200
    for method, path in [
        ("GET", "self"),
        ("GET", "table"),
        ("GET", "plot"),
        ("POST", "cancel"),
        ("DELETE", "self"),
    ]:
        answer = await service.http.request(method, begun["links"][path], headers=other)
        problem(answer, 404, "evaluation-not-found")
    listed = await service.http.get("/evaluations", headers=other)
    assert listed.json()["evaluations"] == []


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


async def test_reading_many_images_asks_redis_once(
    service: Any, picture: Picture, zipped: Any, evaluate: Evaluate, counted: Any
) -> None:
    files = {f"cat/{index:03d}.png": picture(index) for index in range(100)}
    begun = (await evaluate(service.http, zipped(files))).json()

    with counted(service) as calls:
        answer = await service.http.get(begun["links"]["table"])

    assert answer.status_code == 200
    assert len(calls) <= 2  # one of them may be for the caller
    assert begun["progress"]["items"] == 100
