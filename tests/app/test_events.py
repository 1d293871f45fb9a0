"""A job as a stream of events: complete, in order, and to be taken up where it broke off."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.events import job_events
from jobs.errors import StoreUnavailable

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

Picture = Callable[..., bytes]
Problem = Callable[..., dict[str, Any]]
Event = dict[str, str]
BRISK_S = 0.05


def events_in(text: str) -> list[Event]:
    """The events of a stream, as a browser reads them; comments and `retry` are left out."""
    found = []
    for block in text.split("\n\n"):
        fields = [line.partition(": ") for line in block.split("\n") if not line.startswith(":")]
        event = {name: value for name, _, value in fields if name}
        if "data" in event:
            found.append(event)
    return found


def state_of(event: Event) -> str:
    return json.loads(event["data"])["state"]


@pytest.fixture
async def job(service: Any, picture: Picture) -> dict[str, Any]:
    """A queued job of 200 draws."""
    return (await service.certify(picture(), n=150, n0=50)).json()


async def test_a_stream_tells_a_job_to_its_end(
    service: Any, worker: Any, job: dict[str, Any]
) -> None:
    reading = asyncio.create_task(service.http.get(job["links"]["events"]))
    await asyncio.sleep(0.1)
    steps = worker.steps()
    next(steps)
    await asyncio.sleep(0.7)
    list(steps)

    answer = await asyncio.wait_for(reading, 10)

    events = events_in(answer.text)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert [event["event"] for event in events] == ["state", "state", "certificate", "state"]
    assert [state_of(event) for event in events if event["event"] == "state"] == [
        "queued",
        "running",
        "succeeded",
    ]
    assert "id" not in events[2]
    now = (await service.http.get(job["links"]["self"])).json()
    assert json.loads(events[-1]["data"]) == now
    assert json.loads(events[2]["data"]) == now["certificate"]


async def test_a_finished_job_is_one_event_and_its_certificate(
    service: Any, worker: Any, job: dict[str, Any]
) -> None:
    worker.work()

    answer = await service.http.get(job["links"]["events"])

    assert [event["event"] for event in events_in(answer.text)] == ["certificate", "state"]


async def test_a_reader_who_saw_the_end_is_told_to_stay_away(
    service: Any, worker: Any, job: dict[str, Any]
) -> None:
    worker.work()
    last = events_in((await service.http.get(job["links"]["events"])).text)[-1]["id"]

    again = await service.http.get(job["links"]["events"], headers={"Last-Event-ID": last})

    assert (again.status_code, again.content) == (204, b"")


@pytest.mark.parametrize("unknown", ["0", "999", "x", "", "1\u00b2"])
async def test_a_reader_who_names_no_version_gets_the_job(
    service: Any, worker: Any, job: dict[str, Any], unknown: str
) -> None:
    worker.work()

    answer = await service.http.get(
        job["links"]["events"], headers=[(b"Last-Event-ID", unknown.encode("latin-1"))]
    )

    assert [event["event"] for event in events_in(answer.text)] == ["certificate", "state"]


async def test_an_unknown_job_has_no_stream(service: Any, problem: Problem) -> None:
    answer = await service.http.get("/jobs/019a9f0e-8c3a-7d11-9b5e-3f1c2a4d5e6f/events")

    problem(answer, 404, "job-not-found")


async def test_a_deleted_job_ends_its_stream(service: Any, job: dict[str, Any]) -> None:
    reading = asyncio.create_task(service.http.get(job["links"]["events"]))
    await asyncio.sleep(0.1)

    await service.http.delete(job["links"]["self"])

    assert len(events_in((await asyncio.wait_for(reading, 5)).text)) == 1


async def test_a_silent_stream_has_a_heartbeat(service: Any, job: dict[str, Any]) -> None:
    stream = read_on(service, job["id"], None)

    seen = [await anext(stream) for _ in range(4)]

    assert [chunk.startswith(b":") for chunk in seen] == [False, False, True, True]
    await stream.aclose()


async def test_a_stream_ends_in_time_for_its_reader_to_show_the_key_again(
    service: Any, job: dict[str, Any]
) -> None:
    stream = read_on(service, job["id"], None, stream_s=0.2)

    seen = await asyncio.wait_for(_all(stream), 5)

    assert len(events_in(seen.decode())) == 1


async def test_a_stream_tells_nothing_more_to_a_key_that_was_revoked(
    serve: Callable[..., Any],
    worker: Any,
    make_key: Callable[..., str],
    revoke: Callable[[str], None],
    picture: Picture,
) -> None:
    service, key = await serve(keys="required"), make_key()
    mine = {"X-API-Key": key}
    job = (await service.certify(picture(), n=150, n0=50, headers=mine)).json()
    reading = asyncio.create_task(service.http.get(job["links"]["events"], headers=mine))
    await asyncio.sleep(0.1)

    revoke(key)
    await asyncio.sleep(1.1)
    worker.work()

    told = events_in((await asyncio.wait_for(reading, 10)).text)
    assert [state_of(event) for event in told] == ["queued"]


@given(cuts=st.lists(st.integers(1, 3), max_size=5))
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_wherever_streams_break_off_nothing_is_missed_and_nothing_goes_back(
    service: Any, worker: Any, picture: Picture, cuts: list[int]
) -> None:
    job = (await service.certify(picture(hash(tuple(cuts)) % 1000), n=640, n0=64)).json()
    working = asyncio.create_task(_slowly(worker))
    seen: list[Event] = []
    for cut in [*cuts, 1_000]:
        last = next((event["id"] for event in reversed(seen) if "id" in event), None)
        if seen and state_of(seen[-1]) == "succeeded":
            break
        stream = read_on(service, job["id"], last)
        seen += await _events(stream, cut)
    await working
    await service.http.delete(job["links"]["self"])

    versions = [int(event["id"]) for event in seen if "id" in event]
    assert versions == sorted(set(versions))
    assert [event["event"] for event in seen[-2:]] == ["certificate", "state"]
    assert state_of(seen[-1]) == "succeeded"


async def test_a_stream_ends_in_peace_where_the_store_goes_away_before_its_first_event(
    service: Any, job: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr("app.events.expected", away)

    assert events_in((await _all(read_on(service, job["id"], None))).decode()) == []


async def test_a_reader_who_leaves_leaves_nothing_behind(
    job: dict[str, Any], real_url: str
) -> None:
    before = len(asyncio.all_tasks())
    async with httpx.AsyncClient(base_url=real_url) as client:
        for _ in range(3):
            async with client.stream("GET", job["links"]["events"]) as answer:
                await anext(answer.aiter_text())

    for _ in range(40):
        await asyncio.sleep(0.05)
        if len(asyncio.all_tasks()) <= before:
            break

    assert len(asyncio.all_tasks()) <= before


def read_on(service: Any, job_id: str, last: str | None, *, stream_s: float = 20.0) -> Any:
    async def stream() -> AsyncIterator[bytes]:
        job = await service.read(job_id)
        events = job_events(
            job,
            service.services,
            body=lambda expected: json.dumps({"state": expected.job.state}),
            still_allowed=_always,
            last_event_id=last,
            heartbeat_s=BRISK_S,
            stream_s=stream_s,
        )
        async for chunk in events:
            yield chunk
        await events.aclose()

    return stream()


async def _always() -> None:
    """The reader's key is good."""


async def _all(stream: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in stream])


async def _events(stream: Any, count: int) -> list[Event]:
    """The first events of a stream, which then breaks off; a chunk is whole or lost."""
    seen: list[Event] = []
    async for chunk in stream:
        seen += events_in(chunk.decode())
        if len(seen) >= count:
            break
    await stream.aclose()
    return seen


async def _slowly(worker: Any) -> None:
    for _ in worker.steps():
        await asyncio.sleep(0.02)


@pytest.fixture
async def real_url(service: Any) -> AsyncIterator[str]:
    """The service behind a real server and a real socket."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(service.app, lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await serving
