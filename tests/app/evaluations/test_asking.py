"""What may be asked of an evaluation: how it stands, to stop, to be forgotten, which there are."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

Picture = Callable[..., bytes]
Evaluate = Callable[..., Any]
UNKNOWN = "019a9f0e-8c3a-7d11-9b5e-3f1c2a4d5e6f"


async def test_an_unchanged_evaluation_is_not_sent_again(
    service: Any, worker: Any, archive: bytes, evaluate: Evaluate, finished: Any
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


async def test_a_long_poll_for_a_change_that_there_was_already_does_not_wait(
    service: Any, worker: Any, archive: bytes, evaluate: Evaluate
) -> None:
    begun = (await evaluate(service.http, archive)).json()
    first = await service.http.get(begun["links"]["self"])
    worker.commit(worker.admit()[0])

    async with asyncio.timeout(10):
        answer = await service.http.get(
            begun["links"]["self"],
            params={"wait": 30},
            headers={"If-None-Match": first.headers["etag"]},
        )

    assert answer.json()["progress"]["draws_done"] > 0


async def test_a_wait_that_is_too_short_answers_with_what_there_is(
    service: Any, archive: bytes, evaluate: Evaluate
) -> None:
    begun = (await evaluate(service.http, archive)).json()

    answer = await service.http.get(begun["links"]["self"], headers={"Prefer": "wait=1"})

    assert answer.json()["state"] == "queued"
    assert answer.headers["preference-applied"] == "wait=1"


async def test_a_process_that_was_asked_to_stop_does_not_wait(
    service: Any, archive: bytes, evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = (await evaluate(service.http, archive)).json()
    monkeypatch.setattr("app.draining.asked", lambda: True)

    async with asyncio.timeout(10):
        answer = await service.http.get(begun["links"]["self"], params={"wait": 30})

    assert answer.json()["state"] == "queued"


async def test_cancelling_keeps_what_was_found(
    service: Any, worker: Any, archive: bytes, evaluate: Evaluate, read: Any
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
    service: Any, worker: Any, archive: bytes, evaluate: Evaluate, problem: Any, finished: Any
) -> None:
    done = await finished(service, worker, (await evaluate(service.http, archive)).json())

    problem(await service.http.post(done["links"]["cancel"]), 409, "evaluation-already-finished")


async def test_erasing_takes_the_jobs_along(
    service: Any, worker: Any, archive: bytes, evaluate: Evaluate, problem: Any, finished: Any
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

    problem(answer, 422, "invalid-parameter")


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
