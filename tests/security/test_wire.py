"""Bytes that no honest client sends: each gets its documented 4xx, soon, and nothing hangs."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

Picture = Callable[..., bytes]
CRLF = b"\r\n"
END = b"--x--\r\n"


def part(name: str, data: bytes, *, headers: bytes = b"") -> bytes:
    disposition = f'Content-Disposition: form-data; name="{name}"'.encode()
    return b"--x\r\n" + disposition + CRLF + headers + CRLF + data + CRLF


def form(image: bytes, *more: bytes) -> bytes:
    return part("image", image) + part("sigma", b"0.25") + b"".join(more) + END


def post(*headers: bytes, host: bytes = b"Host: localhost", path: bytes = b"/certify") -> bytes:
    lines = [b"POST " + path + b" HTTP/1.1", host]
    lines += [b"Content-Type: multipart/form-data; boundary=x", *headers]
    return CRLF.join(lines) + CRLF + CRLF


def length(body: bytes, off: int = 0) -> bytes:
    return b"Content-Length: " + str(len(body) + off).encode()


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)


CHUNKED = b"Transfer-Encoding: chunked"


async def test_an_honest_form_passes(wire: Any, picture: Picture) -> None:
    body = form(picture())

    assert (await wire.say(post(length(body)) + body)).status in {200, 202}
    sent = post(CHUNKED) + chunked(body[:100], body[100:]) + b"0\r\n\r\n"
    assert (await wire.say(sent)).status in {200, 202}


# The body


async def test_a_content_length_too_large_is_refused_before_the_body(wire: Any) -> None:
    answer = await wire.say(post(b"Content-Length: 10000000000"))

    assert (answer.status, answer.kind) == (413, "body-too-large")


async def test_chunks_that_come_to_too_much_are_refused(wire: Any) -> None:
    image = part("image", b"")[:-2]

    answer = await wire.say(post(CHUNKED), chunked(image), *[chunked(bytes(50_000))] * 10)

    assert (answer.status, answer.kind) == (413, "body-too-large")


async def test_one_chunk_that_claims_too_much_is_refused(wire: Any) -> None:
    image = part("image", b"")[:-2]

    answer = await wire.say(post(CHUNKED), b"fffffff0\r\n" + image, *[bytes(50_000)] * 10)

    assert (answer.status, answer.kind) == (413, "body-too-large")


async def test_a_refused_body_is_not_listened_to_for_ever(wire: Any) -> None:
    endless = [bytes(100)] * 100

    took = await wire.lasts(post(b"Content-Length: 10000000000"), *endless, pause_s=0.05)

    assert took < 2


async def test_a_body_shorter_than_it_claims_is_waited_for_only_so_long(
    wire: Any, picture: Picture
) -> None:
    body = form(picture())

    answer = await wire.say(post(length(body, 50)) + body)

    assert (answer.status, answer.kind) == (408, "body-timeout")


async def test_a_client_that_stops_in_the_middle_of_its_body_leaves_nothing(
    wire: Any, picture: Picture
) -> None:
    body = form(picture())
    await wire.converse(post(length(body)) + body[:200], half_close=True)

    assert (await wire.say(post(length(body)) + body)).status == 202


async def test_a_body_longer_than_it_claims_is_cut_there(wire: Any, picture: Picture) -> None:
    body = form(picture())

    answers = await wire.converse(post(length(body, -10)) + body, answers=2)

    assert {answer.kind for answer in answers} <= {"malformed-form", "bad-request"}
    assert answers[-1].headers["connection"] == "close"


async def test_a_body_that_drips_is_refused_in_time(wire: Any, picture: Picture) -> None:
    body = form(picture())
    drops = [body[i : i + 1] for i in range(len(body))]

    answer = await wire.say(post(length(body)), *drops, pause_s=0.02)

    assert (answer.status, answer.kind) == (408, "body-timeout")


# The form


async def test_two_images_are_refused(wire: Any, picture: Picture) -> None:
    body = form(picture(1), part("image", picture(2)))

    answer = await wire.say(post(length(body)) + body)

    assert (answer.status, answer.kind) == (422, "invalid-parameter")


async def test_nine_headers_of_a_part_are_refused(wire: Any, picture: Picture) -> None:
    many = b"".join(b"X-%d: y\r\n" % n for n in range(9))
    body = part("image", picture(), headers=many) + END

    answer = await wire.say(post(length(body)) + body)

    assert (answer.status, answer.kind) == (400, "malformed-form")


async def test_a_long_header_of_a_part_is_refused(wire: Any, picture: Picture) -> None:
    body = part("image", picture(), headers=b"X: " + b"y" * 10_000 + CRLF) + END

    answer = await wire.say(post(length(body)) + body)

    assert (answer.status, answer.kind) == (400, "malformed-form")


async def test_endless_parts_are_refused(wire: Any) -> None:
    answer = await wire.say(post(CHUNKED), *[chunked(part("a", b"") * 20)] * 10)

    assert (answer.status, answer.kind) == (400, "malformed-form")


BAD_FORMS = {
    "no boundary in the header": (b"multipart/form-data", form(b"x")),
    "another boundary": (b"multipart/form-data; boundary=y", form(b"x")),
    "a boundary too long": (b"multipart/form-data; boundary=" + b"y" * 300, form(b"x")),
    "an empty boundary": (b'multipart/form-data; boundary=""', form(b"x")),
    "no closing boundary": (b"multipart/form-data; boundary=x", form(b"x")[: -len(END)]),
    "nothing at all": (b"multipart/form-data; boundary=x", b""),
    "only the end": (b"multipart/form-data; boundary=x", END),
    "a part without a name": (
        b"multipart/form-data; boundary=x",
        b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n" + END,
    ),
    "a part without headers": (b"multipart/form-data; boundary=x", b"--x\r\n\r\n1\r\n" + END),
    "an attachment": (
        b"multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: attachment; name="image"\r\n\r\n1\r\n' + END,
    ),
    "bare newlines": (b"multipart/form-data; boundary=x", form(b"x").replace(CRLF, b"\n")),
    "zeros": (b"multipart/form-data; boundary=x", bytes(5_000)),
}


@pytest.mark.parametrize("name", BAD_FORMS)
async def test_what_is_no_form_is_refused(wire: Any, name: str) -> None:
    kind, body = BAD_FORMS[name]
    head = post(length(body)).replace(b"multipart/form-data; boundary=x", kind)

    answer = await wire.say(head + body)

    assert (answer.status, answer.kind) in {(400, "malformed-form"), (422, "invalid-parameter")}


# The head


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
