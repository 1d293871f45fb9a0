"""Heads that no honest client sends: each gets its documented 4xx, soon, and nothing hangs."""

from typing import Any

import pytest

from tests.security.said import CHUNKED, CRLF, post

pytestmark = [pytest.mark.anyio, pytest.mark.redis]


async def test_a_head_that_is_too_long_is_refused_however_it_comes(wire: Any) -> None:
    bombs = [b"X-%d: %b\r\n" % (n, b"y" * 1_000) for n in range(64)]
    one = b"X: " + b"y" * 64_000

    slowly = await wire.say(b"GET /livez HTTP/1.1\r\n", *bombs, pause_s=0.001)
    at_once = await wire.say(b"GET /livez HTTP/1.1\r\n" + b"".join(bombs) + CRLF)
    one_value = await wire.say(b"GET /livez HTTP/1.1\r\n" + one)
    target = await wire.say(b"GET /" + b"y" * 64_000)

    assert [a.status for a in (slowly, at_once, one_value, target)] == [431] * 4
    assert slowly.kind == at_once.kind == "head-too-large"


async def test_a_head_that_does_not_end_is_not_waited_for(wire: Any) -> None:
    drops = [b"X: y\r\n"] * 100

    answer = await wire.say(b"GET /livez HTTP/1.1\r\n", *drops, pause_s=0.05)

    assert (answer.status, answer.kind) == (408, "head-timeout")


async def test_a_connection_that_says_nothing_is_closed(wire: Any) -> None:
    assert await wire.lasts() < 2
    assert await wire.lasts(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\nGE") < 3


MALFORMED = {
    "noise": b"\x00\x01\x02\x03\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "another protocol": b"GET /livez HTTP/3.0\r\nHost: localhost\r\n\r\n",
    "HTTP/2 by assertion": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no such method": b"FETCH /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a space in the target": b"GET /live z HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a header without a colon": b"GET /livez HTTP/1.1\r\nHost localhost\r\n\r\n",
    "a folded header": b"GET /livez HTTP/1.1\r\nHost: localhost\r\n X: y\r\n\r\n",
    "a space before the colon": b"GET /livez HTTP/1.1\r\nHost : localhost\r\n\r\n",
    "a NUL in a value": b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
    "length and chunks": post(b"Content-Length: 5", CHUNKED) + b"0\r\n\r\n",
    "chunks and length": post(CHUNKED, b"Content-Length: 5") + b"0\r\n\r\n",
    "two lengths": post(b"Content-Length: 5", b"Content-Length: 6") + b"12345",
    "a length that is no number": post(b"Content-Length: 5x") + b"12345",
    "a negative length": post(b"Content-Length: -5") + b"12345",
    "a length beyond counting": post(b"Content-Length: 99999999999999999999") + b"12345",
    "an unknown coding": post(b"Transfer-Encoding: chunked, identity") + b"0\r\n\r\n",
    "a spaced coding": post(b"Transfer-Encoding : chunked") + b"0\r\n\r\n",
    "a chunk size that is no number": post(CHUNKED) + b"zz\r\n",
    "a chunk longer than it says": post(CHUNKED) + b"3\r\nabcdef\r\n0\r\n\r\n",
    "a chunk size beyond counting": post(CHUNKED) + b"fffffffffffffffff\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_what_is_no_http_is_refused_and_the_connection_closed(wire: Any, name: str) -> None:
    answers = await wire.converse(MALFORMED[name], answers=3)

    assert {answer.status for answer in answers} <= {400, 408}
    assert answers
    assert answers[-1].headers["connection"] == "close"
    assert all(answer.kind for answer in answers)


async def test_nothing_is_smuggled_behind_a_request(wire: Any) -> None:
    """Whichever of the two framings one believes: the second request is not answered."""
    smuggled = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
    both = post(b"Content-Length: 4", CHUNKED) + b"5c\r\n" + smuggled + b"0\r\n\r\n"

    answers = await wire.converse(both, answers=3)

    assert [answer.status for answer in answers] == [400]


@pytest.mark.parametrize("line", [b"Host: evil.example", b"Authorization: Bearer none"])
async def test_what_stands_behind_a_body_is_no_header(wire: Any, line: bytes) -> None:
    head = b"GET /models HTTP/1.1\r\nHost: localhost\r\n" + CHUNKED + b"\r\n\r\n"

    answer = await wire.say(head + b"0\r\n" + line + b"\r\n\r\n")

    assert answer.status == 200


TARGETS = [
    (b"GET http://localhost/livez HTTP/1.1", 200),
    (b"GET http://evil.example/livez HTTP/1.1", 200),
    (b"GET http://localhost HTTP/1.1", 400),
    (b"GET * HTTP/1.1", 404),
    (b"OPTIONS * HTTP/1.1", 404),
    (b"CONNECT localhost:80 HTTP/1.1", 400),
    (b"GET //livez HTTP/1.1", 404),
    (b"GET /livez/../jobs HTTP/1.1", 404),
    (b"GET /%6civez HTTP/1.1", 200),
    (b"GET /jobs/%ff%fe HTTP/1.1", 404),
    (b"GET /jobs/%zz HTTP/1.1", 404),
    (b"GET /jobs/%00 HTTP/1.1", 404),
    (b"GET /jobs/%0d%0aX:%20y HTTP/1.1", 404),
    (b"GET /jobs/%2e%2e%2fmodels HTTP/1.1", 404),
    (b"GET /static/../../etc/passwd HTTP/1.1", 404),
    (b"GET /models?%ff=%00 HTTP/1.1", 200),
    (b"GET /jobs?limit=%ff HTTP/1.1", 422),
    (b"GET /jobs?cursor=%00 HTTP/1.1", 422),
    (b"TRACE /livez HTTP/1.1", 405),
]


@pytest.mark.parametrize(("line", "status"), TARGETS)
async def test_an_odd_target_gets_a_plain_answer(wire: Any, line: bytes, status: int) -> None:
    answer = await wire.say(line + b"\r\nHost: localhost\r\nConnection: close\r\n\r\n")

    assert answer.status == status
    assert status == 200 or answer.kind


async def test_http_1_0_is_answered_and_closed(wire: Any) -> None:
    answers = await wire.converse(b"GET /livez HTTP/1.0\r\nHost: localhost\r\n\r\n", answers=2)

    assert [answer.status for answer in answers] == [200]


@pytest.mark.parametrize(
    "host", [b"X: y", b"Host: ", b"Host: evil.example", b"Host: localhost\r\nHost: evil.example"]
)
async def test_a_request_for_no_host_or_another_one_is_refused(wire: Any, host: bytes) -> None:
    answer = await wire.say(b"GET /models HTTP/1.1\r\n" + host + b"\r\n\r\n")

    assert (answer.status, answer.kind) == (421, "host-not-allowed")


async def test_an_upgrade_is_not_followed(wire: Any) -> None:
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13"

    answer = await wire.say(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n" + upgrade + b"\r\n\r\n")

    assert answer.status in {200, 400}


async def test_pipelined_requests_are_answered_in_order(wire: Any) -> None:
    first = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
    second = b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"

    answers = await wire.converse(first + second + first, answers=3)

    assert [answer.status for answer in answers] == [200, 404, 200]


async def test_headers_of_answers_cannot_be_injected(wire: Any) -> None:
    """A request id comes back in a header: it must not bring a line of its own."""
    answer = await wire.say(
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a%0d%0aSet-Cookie: b\r\n\r\n"
    )

    assert "set-cookie" not in answer.headers
    assert "%" not in answer.headers["x-request-id"]
