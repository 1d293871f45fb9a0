"""The load generator reads answers as they come, counts from when they were due, and judges."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest

from bench import load
from bench.load_client import BROKEN, Answer, read_head, run, whole_answer
from bench.load_figures import failures, milliseconds, refuses, statuses
from bench.load_overload import growth
from bench.load_requests import form, picture, request

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"
BUSY = b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("length", range(len(OK) + 2))
def test_an_answer_is_not_read_before_it_is_all_there(length: int):
    assert whole_answer((OK + b"{}")[:length]) is None


def test_an_answer_ends_where_its_body_does():
    found = whole_answer(OK + b"{}" + OK)

    assert found is not None
    assert found[1] == len(OK) + 2


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_an_answer_without_a_body_needs_no_length(status: bytes):
    answer = b"HTTP/1.1 " + status + b"\r\netag: x\r\n\r\n"

    assert whole_answer(answer) == (answer[:-2], len(answer))


def test_an_answer_of_unknown_length_is_refused():
    with pytest.raises(ValueError, match="no Content-Length"):
        whole_answer(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")


def test_an_answer_says_when_to_come_again_and_where():
    head = b"HTTP/1.1 202 Accepted\r\nRetry-After: 3\r\nLOCATION: /jobs/1\r\n"

    assert read_head(head, 0.5) == Answer(
        status=202, seconds=0.5, retry_after="3", location="/jobs/1"
    )


@asynccontextmanager
async def server(answers: Iterable[bytes], *, late_s: float = 0.0) -> AsyncIterator[int]:
    """A server that gives these answers, in turn, and then hangs up."""
    left = iter(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4096):
            answer = next(left, None)
            if answer is None:
                break
            await asyncio.sleep(late_s)
            # In two pieces, as a network may have it.
            writer.write(answer[:5])
            await writer.drain()
            await asyncio.sleep(0)
            writer.write(answer[5:])
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        yield listening.sockets[0].getsockname()[1]


def asked(
    answers: Iterable[bytes], number: int, *, rate: float | None = None, late_s: float = 0.0
) -> list[Answer]:
    async def ask() -> list[Answer]:
        async with server(answers, late_s=late_s) as port:
            requests = [request("GET", "/")] * number
            _, heads = await run(port, requests, connections=1, rate=rate)
        return [read_head(*each) for each in heads]

    return asyncio.run(ask())


def test_a_connection_is_used_again():
    found = asked([OK + b"{}", BUSY, OK + b"{}"], 3)

    assert [answer.status for answer in found] == [200, 503, 200]


def test_a_connection_that_ends_leaves_its_request_unanswered():
    found = asked([OK + b"{}"], 2)

    assert [answer.status for answer in found] == [200, BROKEN]
    assert failures(found) == 1


def test_time_counts_from_when_a_request_was_due():
    """A slow server must not slow down the clock by which it is judged."""
    found = asked([OK + b"{}"] * 4, 4, rate=1000, late_s=0.02)

    assert found[-1].seconds > 3.5 * 0.02


@pytest.mark.parametrize(
    ("answer", "as_it_should_be"),
    [
        (Answer(status=429, seconds=0, retry_after="1"), True),
        (Answer(status=503, seconds=0, retry_after="12"), True),
        (Answer(status=503, seconds=0), False),
        (Answer(status=429, seconds=0, retry_after="soon"), False),
        (Answer(status=500, seconds=0, retry_after="1"), False),
        (Answer(status=BROKEN, seconds=0), False),
    ],
)
def test_a_refusal_says_when_to_come_again(answer: Answer, as_it_should_be: bool):
    assert refuses(answer) is as_it_should_be


def test_figures_of_answers():
    answers = [Answer(status=202, seconds=at / 1000) for at in range(101)]

    assert milliseconds(answers, 99) == pytest.approx(99)
    assert statuses([*answers, Answer(status=BROKEN, seconds=0)]) == "1 x no answer, 101 x 202"


def test_memory_that_grows_is_told_from_memory_that_was_taken_at_the_start():
    assert growth([10, 50, 50, 50, 50, 50, 50, 50, 50, 50]) == 1
    assert growth(list(range(100, 200, 10))) > 1.4


def test_pictures_differ_and_a_form_holds_them_whole():
    first, second = picture(1), picture(2)

    assert first != second
    assert first in form(first, {"sigma": "0.25"})


@pytest.mark.nightly
@pytest.mark.redis
@pytest.mark.timeout(240)
def test_a_quick_run_measures_everything():
    sections = load.sections_of(["--quick"])

    measured = {target.what: target for section in sections for target in section.targets}
    assert all(target.met is not None for target in measured.values())
    assert measured["answers of 5xx, or none, of all to the service"].met
    assert measured["accepted jobs that have not succeeded"].met
