"""A stream of events is read however it is cut, and a bad one is an error of the client."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from app.client import AsyncClient
from app.client.errors import UnexpectedAnswer
from app.client.events import LONGEST_LINE, Listening, Messages
from app.client.views import JobStatus

STREAM = (
    b"retry: 2000\n\n: still here\n\nevent: state\r\ndata: one\r\nid: 4\r\n\r\n"
    b"data:two\ndata:  lines \xe2\x80\xa8 here\nid: 5\n\nevent: empty\n\n"
    b"id: 6\nevent: last\ndata: x\n\n"
    b"data: never finished"
)
Body = Callable[..., dict[str, Any]]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_events_are_the_same_however_they_are_cut(size: int) -> None:
    messages = Messages()
    pieces = [STREAM[start : start + size] for start in range(0, len(STREAM), size)]

    found = [message for piece in pieces for message in messages.feed(piece)]

    assert [(message.name, message.data, message.id) for message in found] == [
        ("state", "one", "4"),
        ("message", "two\n lines \u2028 here", "5"),
        ("last", "x", "6"),
    ]


def event(name: str, data: str, version: int) -> bytes:
    return f"event: {name}\ndata: {data}\nid: {version}\n\n".encode()


def test_states_and_progress_are_views_of_the_job(job_body: Body) -> None:
    listening = Listening(JobStatus.of(job_body("queued"), etag='W/"3"'))
    assert listening.call().headers["Last-Event-ID"] == "3"

    stream = event("progress", json.dumps(job_body("running")), 4)
    stream += event("certificate", "{}", 5) + event("novelty", "what?", 6)
    stream += event("state", json.dumps(job_body("cancelled")), 7)
    found = list(listening.feed(stream))

    assert [status.state for status in found] == ["running", "cancelled"]
    assert listening.call().headers["Last-Event-ID"] == "7"


@pytest.mark.parametrize("data", ["no json", "[]", "{}", "null"])
def test_events_of_something_else_are_an_error_of_the_client(job_body: Body, data: str) -> None:
    listening = Listening(JobStatus.of(job_body("queued")))

    with pytest.raises(UnexpectedAnswer):
        list(listening.feed(event("state", data, 1)))


def test_a_line_without_end_is_an_error_of_the_client(job_body: Body) -> None:
    listening = Listening(JobStatus.of(job_body("queued")))

    with pytest.raises(UnexpectedAnswer):
        list(listening.feed(b"x" * (LONGEST_LINE + 1)))


@pytest.mark.parametrize(
    ("status", "kind", "is_stream"),
    [
        (200, "text/event-stream; charset=utf-8", True),
        (200, "application/json", False),
        (404, "application/problem+json", False),
        (204, "", False),
    ],
)
def test_what_is_no_stream_is_left_to_long_polls(
    job_body: Body, status: int, kind: str, is_stream: bool
) -> None:
    answer = httpx.Response(status, headers={"Content-Type": kind})

    assert Listening(JobStatus.of(job_body("queued"))).begin(answer) is is_stream


class Endless(httpx.AsyncByteStream):
    """A stream of one event that does not end by itself."""

    def __init__(self, first: bytes) -> None:
        self.first = first
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield self.first

    async def aclose(self) -> None:
        self.closed = True


@pytest.mark.anyio
async def test_whoever_stops_listening_leaves_no_stream_open(job_body: Body) -> None:
    stream = Endless(event("progress", json.dumps(job_body("running")), 4))

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/events"):
            return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, stream=stream)
        return httpx.Response(200, json=job_body("queued"))

    async with AsyncClient("http://here", transport=httpx.MockTransport(answer)) as client:
        events = (await client.job("job-1")).events()
        assert [(await anext(events)).state for _ in range(2)] == ["queued", "running"]
        await events.aclose()

        assert stream.closed
