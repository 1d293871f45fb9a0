"""Jobs of a set: each once, whoever dies; and never more than their share."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from app.evaluations import submission
from jobs import evaluations
from jobs.caller import Quota

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

Evaluate = Callable[..., Any]


@pytest.fixture
def many(picture: Any, zipped: Any) -> bytes:
    """Twenty cats."""
    return zipped({f"cat/{seed:02d}.png": picture(seed) for seed in range(20)})


def services_of(service: Any) -> Any:
    return service.http._transport.app.state.services


async def read(service: Any, begun: dict[str, Any], **options: Any) -> dict[str, Any]:
    return (await service.http.get(begun["links"]["self"], **options)).json()


async def stuck(service: Any, monkeypatch: Any, archive: bytes, evaluate: Evaluate) -> Any:
    """An evaluation whose process died before the first job."""

    async def dead(*_: Any) -> int:
        return 0

    with monkeypatch.context() as patch:
        patch.setattr("app.routes.evaluations.submit_some", dead)
        return (await evaluate(service.http, archive)).json()


async def test_a_death_between_two_jobs_loses_none_and_doubles_none(
    service: Any, worker: Any, many: bytes, evaluate: Evaluate, monkeypatch: Any
) -> None:
    begun = await stuck(service, monkeypatch, many, evaluate)
    services, placed = services_of(service), 0
    run = services.runner.run

    async def dying(command: Any) -> Any:
        """Dies with a job submitted that the record does not know yet."""
        nonlocal placed
        if command.args[:1] == ("placed",):
            placed += 1
            if placed % 5 == 0:
                raise asyncio.CancelledError
        if command.args[:1] == ("yield",):
            raise asyncio.CancelledError
        return await run(command)

    for _ in range(60):
        with monkeypatch.context() as patch:
            patch.setattr(services.runner, "run", dying)
            with pytest.raises(asyncio.CancelledError):
                await submission.submit_some(services, begun["id"]) or _die()
        worker._client.hdel(f"dmae:evaluation:{{{begun['id']}}}", "claimed_by")
        worker.work()
        now = await read(service, begun)
        if now["state"] == "succeeded":
            break

    listed = await service.http.get("/jobs", params={"limit": 100})
    assert now["state"] == "succeeded"
    assert now["figures"]["images"] == 20
    assert len(listed.json()["jobs"]) == 20
    assert {item["job"] for item in now["items"]} == {
        f"/jobs/{evaluations.child_id(begun['id'], index)}" for index in range(20)
    }


def _die() -> None:
    raise asyncio.CancelledError


async def test_whoever_reads_an_evaluation_moves_it_on(
    service: Any, many: bytes, evaluate: Evaluate, monkeypatch: Any
) -> None:
    begun = await stuck(service, monkeypatch, many, evaluate)
    assert (await read(service, begun))["progress"]["items_waiting"] == 20

    after = await read(service, begun)

    assert after["progress"]["items_live"] == submission.AT_ONCE


async def test_a_task_of_the_process_submits_without_anybody_asking(
    service: Any, worker: Any, many: bytes, evaluate: Evaluate, monkeypatch: Any
) -> None:
    begun = await stuck(service, monkeypatch, many, evaluate)

    task = asyncio.create_task(submission.submit_all(services_of(service)))
    try:
        for _ in range(100):
            await asyncio.sleep(0.05)
            worker.work()
            now = await read(service, begun)
            if now["state"] == "succeeded":
                break
    finally:
        task.cancel()

    assert now["state"] == "succeeded"


async def test_an_evaluation_that_cannot_be_read_holds_up_no_other(
    service: Any, worker: Any, many: bytes, evaluate: Evaluate, monkeypatch: Any
) -> None:
    broken = await stuck(service, monkeypatch, many, evaluate)
    begun = await stuck(service, monkeypatch, many, evaluate)
    worker._client.hset(f"dmae:evaluation:{{{broken['id']}}}", "spec", "{}")

    task = asyncio.create_task(submission.submit_all(services_of(service)))
    try:
        for _ in range(100):
            await asyncio.sleep(0.05)
            if worker.admit():
                break
    finally:
        task.cancel()

    assert (await read(service, begun))["progress"]["items_live"] > 0


async def test_the_task_outlives_a_store_that_is_away(serve: Any) -> None:
    service = await serve(redis_url="redis://127.0.0.1:1/0")

    task = asyncio.create_task(submission.submit_all(services_of(service)))
    await asyncio.sleep(0.3)

    assert not task.done()
    task.cancel()


async def test_the_task_outlives_a_store_that_answers_otherwise_than_it_should(
    service: Any, worker: Any
) -> None:
    worker._client.set("dmae:evaluations:live", "no list")

    task = asyncio.create_task(submission.submit_all(services_of(service)))
    await asyncio.sleep(0.3)

    assert not task.done()
    task.cancel()


async def test_a_full_service_makes_images_wait_and_loses_none(
    serve: Any, worker: Any, many: bytes, evaluate: Evaluate
) -> None:
    service = await serve(backlog_limit_jobs=10)
    begun = (await evaluate(service.http, many)).json()
    await read(service, begun)

    waiting = await read(service, begun)
    for _ in range(30):
        worker.work()
        now = await read(service, begun)
        if now["state"] == "succeeded":
            break

    assert waiting["progress"]["items_live"] == 10 * submission.SHARE
    assert waiting["progress"]["items_waiting"] == 15
    assert now["state"] == "succeeded"


async def test_what_others_have_in_the_queue_beyond_an_equal_part_holds_up_no_evaluation(
    serve: Any, make_key: Any, many: bytes, picture: Any, evaluate: Evaluate
) -> None:
    service = await serve(backlog_limit_jobs=10)
    busy, late = {"X-API-Key": make_key()}, {"X-API-Key": make_key()}
    for seed in range(8):
        assert (await service.certify(picture(1000 + seed), headers=busy)).status_code == 202

    begun = (await evaluate(service.http, many, headers=late)).json()
    now = await read(service, begun, headers=late)

    assert now["progress"]["items_live"] == 3


async def test_single_images_of_the_same_caller_still_pass(
    service: Any, make_key: Any, many: bytes, picture: Any, evaluate: Evaluate
) -> None:
    key = {"X-API-Key": make_key(quota=Quota(live_jobs=10, requests_per_minute=3))}
    begun = (await evaluate(service.http, many, headers=key)).json()
    await read(service, begun, headers=key)

    now = await read(service, begun, headers=key)
    single = await service.certify(picture(1000), headers=key)

    assert now["progress"]["items_live"] == 5
    assert single.status_code == 202


async def test_no_more_jobs_are_live_than_share_the_workers(
    serve: Any, picture: Any, zipped: Any, evaluate: Evaluate
) -> None:
    service = await serve()
    files = {f"cat/{seed}.png": picture(seed) for seed in range(submission.WINDOW + 10)}
    begun = (await evaluate(service.http, zipped(files))).json()
    for _ in range(8):
        now = await read(service, begun)

    assert now["progress"]["items_live"] == submission.WINDOW
    assert now["progress"]["items_waiting"] == 10


async def test_an_evaluation_that_ends_during_a_submission_leaves_no_job_behind(
    service: Any, many: bytes, evaluate: Evaluate, monkeypatch: Any
) -> None:
    begun = await stuck(service, monkeypatch, many, evaluate)
    services, run = services_of(service), services_of(service).runner.run

    async def late(command: Any) -> Any:
        if command.args[:1] == ("placed",):
            await service.http.post(begun["links"]["cancel"])
        return await run(command)

    monkeypatch.setattr(services.runner, "run", late)
    await submission.submit_some(services, begun["id"])

    assert (await service.http.get("/jobs")).json()["jobs"] == []
    assert {item["state"] for item in (await read(service, begun))["items"]} == {"cancelled"}


async def test_a_model_that_changed_meanwhile_is_not_mixed_in(
    service: Any, many: bytes, evaluate: Evaluate, monkeypatch: Any
) -> None:
    begun = await stuck(service, monkeypatch, many, evaluate)
    monkeypatch.setattr(
        "app.evaluations.submission.keys.model_ref", lambda _: "another", raising=True
    )

    await submission.submit_some(services_of(service), begun["id"])
    monkeypatch.undo()
    now = await read(service, begun)

    assert now["items"][0]["error"]["code"] == "model-changed"


async def test_an_image_that_was_lost_is_said_to_be(
    service: Any, worker: Any, archive: bytes, evaluate: Evaluate, monkeypatch: Any
) -> None:
    begun = await stuck(service, monkeypatch, archive, evaluate)
    worker._client.delete(f"dmae:evaluation:{{{begun['id']}}}:images")

    await submission.submit_some(services_of(service), begun["id"])
    now = await read(service, begun)

    assert now["state"] == "failed"
    assert {item["error"]["code"] for item in now["items"]} == {"image-lost"}


async def test_an_error_nobody_thought_of_ends_one_image_and_is_logged(
    service: Any, worker: Any, archive: bytes, evaluate: Evaluate, monkeypatch: Any, caplog: Any
) -> None:
    begun = await stuck(service, monkeypatch, archive, evaluate)
    submit, calls = submission.certifications.submit, []

    async def broken(*args: Any) -> Any:
        calls.append(args)
        if len(calls) == 1:
            raise ZeroDivisionError
        return await submit(*args)

    monkeypatch.setattr(submission.certifications, "submit", broken)
    await submission.submit_some(services_of(service), begun["id"])
    worker.work()
    now = await read(service, begun)

    assert [item["state"] for item in now["items"]] == ["error", "succeeded", "succeeded"]
    assert now["items"][0]["error"]["code"] == "internal-error"
    assert "could not be submitted" in caplog.text
