"""One attempt: to a checked address, once, briefly, whatever the receiver does."""

import asyncio
import ipaddress
import socket
import time
from collections.abc import Callable
from threading import Event
from typing import Any

import pytest

from app.webhooks.addresses import Address
from app.webhooks.allow import AllowList, parse_entry
from app.webhooks.errors import DeliveryFailed
from app.webhooks.sender import MAX_ANSWER_BYTES, Sender
from app.webhooks.transport import resolve

pytestmark = pytest.mark.anyio

Listen = Callable[..., Any]
LOOPBACK = ipaddress.ip_address("127.0.0.1")


class Names:
    """A name server of the test: its answers in turn, the last one for ever."""

    def __init__(self, *answers: list[Address] | OSError) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, _port: int) -> list[Address]:
        self.asked.append(host)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, OSError):
            raise answer
        return answer


def addresses(*texts: str) -> list[Address]:
    return [ipaddress.ip_address(text) for text in texts]


def named(port: int, *more: str) -> AllowList:
    """A list with a name on a port, over http."""
    entries = [f"http://hooks.example.com:{port}", *more]
    return AllowList([parse_entry(entry) for entry in entries])


async def failing(sender: Sender, url: str) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as caught:
        await sender.send(url, b"{}", {})
    await sender.aclose()
    return caught.value


async def test_a_message_arrives_as_it_was_made(receiver: Any) -> None:
    sender = Sender(receiver.allow)

    status = await sender.send(receiver.url, b'{"a":1}', {"webhook-id": "m"})

    (call,) = receiver.calls
    assert status == 204
    assert call.head == "POST /hook HTTP/1.1"
    assert (call.body, call.headers["webhook-id"]) == (b'{"a":1}', "m")
    assert call.headers["content-type"] == "application/json"


async def test_a_name_is_called_by_its_name_at_the_address_that_was_checked(receiver: Any) -> None:
    names = Names([LOOPBACK])
    sender = Sender(named(receiver.port, "127.0.0.1"), resolver=names)

    await sender.send(f"http://hooks.example.com:{receiver.port}/hook", b"{}", {})

    assert receiver.calls[0].headers["host"] == f"hooks.example.com:{receiver.port}"
    assert names.asked == ["hooks.example.com"]


@pytest.mark.parametrize(
    "answer",
    [
        ["127.0.0.1"],
        ["8.8.8.8", "127.0.0.1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["169.254.169.254"],
        ["fd00:ec2::254"],
    ],
)
async def test_a_name_with_an_inner_address_is_not_called(receiver: Any, answer: list[str]) -> None:
    sender = Sender(named(receiver.port), resolver=Names(addresses(*answer)))

    error = await failing(sender, f"http://hooks.example.com:{receiver.port}/")

    assert (error.reason, error.final) == ("refused", True)
    assert not any(address in str(error) for address in answer)
    assert receiver.calls == []


async def test_a_name_that_is_rebound_after_the_check_is_not_asked_again(receiver: Any) -> None:
    """It had an address that will do and where nobody listens; now it has the receiver's."""
    names = Names(addresses("127.0.0.2"), addresses("127.0.0.1"))
    sender = Sender(named(receiver.port, "127.0.0.2"), resolver=names)

    error = await failing(sender, f"http://hooks.example.com:{receiver.port}/")

    assert error.reason == "unreachable"
    assert names.asked == ["hooks.example.com"]
    assert receiver.calls == []


async def test_a_name_server_that_hangs_takes_no_thread_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered = Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answered.wait(30) * [])
    asking = [asyncio.create_task(resolve(f"{n}.example.com", 443)) for n in range(64)]

    try:
        await asyncio.sleep(0.1)
        async with asyncio.timeout(5):
            assert await asyncio.to_thread(int) == 0
    finally:
        answered.set()
        await asyncio.gather(*asking)


async def test_the_next_address_is_tried_where_nobody_listens(receiver: Any) -> None:
    names = Names(addresses("127.0.0.2", "127.0.0.1"))
    allow = named(receiver.port, "127.0.0.1", "127.0.0.2")

    await Sender(allow, resolver=names).send(
        f"http://hooks.example.com:{receiver.port}/", b"{}", {}
    )

    assert len(receiver.calls) == 1


async def test_a_name_that_does_not_exist_may_exist_later() -> None:
    sender = Sender(named(80), resolver=Names(OSError("no such name")))

    error = await failing(sender, "http://hooks.example.com/")

    assert (error.reason, error.final) == ("unresolved", False)


async def test_what_one_answer_says_is_not_sent_along_with_the_next_message(
    receiver: Any, answering: Any
) -> None:
    receiver.answers = [answering(204, Set_Cookie="told=secret")]
    sender = Sender(receiver.allow)

    for _ in range(2):
        await sender.send(receiver.url, b"{}", {})
    await sender.aclose()

    assert ["cookie" in call.headers for call in receiver.calls] == [False, False]


async def test_a_name_of_other_letters_that_is_none_is_given_up_at_once() -> None:
    error = await failing(Sender(AllowList.parse(["*"])), "https://xn--a.example/")

    assert (error.reason, error.final) == ("unresolved", True)


async def test_a_url_that_left_the_list_is_not_called(receiver: Any) -> None:
    sender = Sender(AllowList([parse_entry("example.com")]))

    error = await failing(sender, receiver.url)

    assert (error.reason, error.final) == ("refused", True)
    assert receiver.calls == []


async def test_a_redirect_is_a_failure_and_not_followed(
    receiver: Any, answering: Callable[..., bytes]
) -> None:
    receiver.answers = [answering(307, Location="http://169.254.169.254/latest/meta-data")]

    error = await failing(Sender(receiver.allow), receiver.url)

    assert (error.reason, error.status) == ("status", 307)
    assert len(receiver.calls) == 1


@pytest.mark.parametrize(("status", "final"), [(400, False), (500, False), (410, True)])
async def test_only_2xx_is_an_arrival(
    receiver: Any, answering: Callable[..., bytes], status: int, final: bool
) -> None:
    receiver.answers = [answering(status)]

    error = await failing(Sender(receiver.allow), receiver.url)

    assert (error.reason, error.status, error.final) == ("status", status, final)


async def test_a_receiver_that_hangs_is_left(receiver: Any) -> None:
    receiver.pause_s = 5
    began = time.monotonic()

    error = await failing(Sender(receiver.allow, timeout_s=0.1), receiver.url)

    assert error.reason == "timeout"
    assert time.monotonic() - began < 2


async def _drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Each byte in time, the whole of it never."""
    await reader.readuntil(b"\r\n\r\n")
    try:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)
    except OSError:
        pass


async def test_a_receiver_that_drips_is_left(listen: Listen) -> None:
    async with listen(_drip) as port:
        sender = Sender(AllowList([parse_entry(f"http://127.0.0.1:{port}")]), timeout_s=0.2)
        error = await failing(sender, f"http://127.0.0.1:{port}/")

    assert error.reason == "timeout"


async def test_an_endless_answer_is_not_read_to_its_end(listen: Listen) -> None:
    sent: list[int] = []

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        try:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
            while True:
                writer.write(bytes(65_536))
                await writer.drain()
                sent.append(65_536)
        except OSError:
            pass

    async with listen(flood) as port:
        sender = Sender(AllowList([parse_entry(f"http://127.0.0.1:{port}")]))
        status = await sender.send(f"http://127.0.0.1:{port}/", b"{}", {})
        await sender.aclose()

    assert status == 200
    assert sum(sent) < 200 * MAX_ANSWER_BYTES


@pytest.mark.parametrize("answer", [b"", b"not HTTP\r\n\r\n", b"HTTP/1.1 200", b"\x16\x03\x01"])
async def test_a_receiver_that_speaks_no_http_is_a_failure(receiver: Any, answer: bytes) -> None:
    receiver.answers = [answer]

    error = await failing(Sender(receiver.allow), receiver.url)

    assert error.reason == "unreachable"


async def test_a_proxy_of_the_environment_is_not_asked(
    receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")

    assert await Sender(receiver.allow).send(receiver.url, b"{}", {}) == 204
