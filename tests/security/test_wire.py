"""Bodies that no honest client sends: each gets its documented 4xx, soon, and nothing hangs."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.security.said import CHUNKED, CRLF, post

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

Picture = Callable[..., bytes]
END = b"--x--\r\n"


def part(name: str, data: bytes, *, headers: bytes = b"") -> bytes:
    disposition = f'Content-Disposition: form-data; name="{name}"'.encode()
    return b"--x\r\n" + disposition + CRLF + headers + CRLF + data + CRLF


def form(image: bytes, *more: bytes) -> bytes:
    return part("image", image) + part("sigma", b"0.25") + b"".join(more) + END


def length(body: bytes, off: int = 0) -> bytes:
    return b"Content-Length: " + str(len(body) + off).encode()


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)


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


@pytest.mark.parametrize("connection", [b"Connection: close", b"Connection: keep-alive"])
async def test_a_refused_body_is_not_listened_to_for_ever(wire: Any, connection: bytes) -> None:
    endless = [bytes(100)] * 100
    head = post(b"Content-Length: 10000000000", connection)

    took = await wire.lasts(head, *endless, pause_s=0.05)

    assert took < 2


@pytest.mark.parametrize("connection", [b"Connection: close", b"Connection: keep-alive"])
async def test_a_refusal_reaches_who_sends_all_before_reading(wire: Any, connection: bytes) -> None:
    """With "close" as Python's urllib does, and proxies by HTTP/1.0."""
    head = post(b"Content-Length: 10000000", connection)

    answer = await wire.say_all_first(head, *[bytes(500_000)] * 20)

    assert answer is not None
    assert (answer.status, answer.kind) == (413, "body-too-large")


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
