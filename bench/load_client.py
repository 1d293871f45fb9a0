"""A load generator: HTTP/1.1 over kept-alive connections, in a process of its own.

It costs little a request: requests are bytes made before, and of an answer only Content-Length is
read while the clock runs. Without a rate each connection sends its next request when it has the
answer to the last; with one, requests are due at even intervals whether or not answers come, and
an answer's time counts from when its request was due.

    python -m bench.load_client --port 8000 --connections 32 --count 1000 FILE
"""

import asyncio
import json
import re
import struct
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

CONNECTIONS = 32
LONGEST_S = 300.0
BROKEN = 0
"""Status of a request whose connection ended without an answer."""

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_FIELD = re.compile(rb"\r\n(location|retry-after): *([^\r]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back.

    Attributes:
        status: Of HTTP; `BROKEN` where the connection ended.
        seconds: From when the request was due to the last byte.
        retry_after: The header, if it was there.
        location: The header, if it was there.
    """

    status: int
    seconds: float
    retry_after: str | None = None
    location: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Some requests, answered.

    Attributes:
        seconds: From the first to the last.
        answers: As they came.
    """

    seconds: float
    answers: Sequence[Answer]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.answers) / self.seconds


def whole_answer(data: bytes | bytearray) -> tuple[bytes, int] | None:
    """The head of the answer that data begins with, and its length with its body.

    None while it is not all there.

    Raises:
        ValueError: It does not say how long its body is.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(data[: end + 2])
    if (length := _LENGTH.search(head)) is not None:
        whole = end + 4 + int(length[1])
    elif status_of(head) in {204, 304}:
        whole = end + 4
    else:
        raise ValueError(f"no Content-Length in {head[:200]!r}")
    return (head, whole) if len(data) >= whole else None


def status_of(head: bytes) -> int:
    """The status in the head of an answer; `BROKEN` of none."""
    return int(head[9:12]) if head else BROKEN


def read_head(head: bytes, seconds: float) -> Answer:
    """An answer, of its head."""
    fields = {name.decode().lower(): value.decode() for name, value in _FIELD.findall(head)}
    return Answer(
        status=status_of(head),
        seconds=seconds,
        retry_after=fields.get("retry-after"),
        location=fields.get("location"),
    )


class Crowd:
    """Connections, and the requests that they have to send.

    Args:
        requests: In their order.
        in_time: Whether requests have times at which they are due.
    """

    def __init__(self, requests: Iterable[bytes], *, in_time: bool) -> None:
        self._requests, self._in_time = iter(requests), in_time
        self._idle: deque[Connection] = deque()
        self._due: deque[tuple[float, bytes]] = deque()
        self._left = 0
        self.heads: list[tuple[bytes, float]] = []
        self.over = asyncio.Event()

    def begin(self, connections: Sequence["Connection"]) -> None:
        """Send all there is, or wait for what is due."""
        self._left = len(connections)
        for connection in connections:
            self.rest(connection)

    def due(self) -> bool:
        """The next request is due now; False if there is none."""
        request = next(self._requests, None)
        if request is None:
            return False
        self._due.append((time.perf_counter(), request))
        if self._idle:
            self._idle.popleft().send(*self._due.popleft())
        return True

    def end(self) -> None:
        """Nothing more will be due."""
        self._in_time = False
        while self._idle:
            self.rest(self._idle.popleft())

    def rest(self, connection: "Connection") -> None:
        """A connection has nothing to do."""
        if self._due:
            connection.send(*self._due.popleft())
        elif self._in_time:
            self._idle.append(connection)
        elif (request := next(self._requests, None)) is not None:
            connection.send(time.perf_counter(), request)
        else:
            connection.close()
            self.gone()

    def gone(self) -> None:
        """A connection has ended."""
        self._left -= 1
        if not self._left:
            self.over.set()


class Connection(asyncio.Protocol):
    """One kept-alive connection."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._received = bytearray()
        self._since: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP
        self._transport = transport

    def send(self, since: float, request: bytes) -> None:
        """Ask, and count from then."""
        self._since = since
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Note the answer once it is whole, and go on."""
        self._received += data
        found = whole_answer(self._received)
        if found is None or self._since is None:
            return
        head, length = found
        del self._received[:length]
        self._crowd.heads.append((head, time.perf_counter() - self._since))
        self._since = None
        self._crowd.rest(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """A request in flight has failed."""
        del exc
        if self._since is not None:
            self._crowd.heads.append((b"", time.perf_counter() - self._since))
            self._crowd.gone()

    def close(self) -> None:
        """End it in order."""
        self._transport.close()


async def run(
    port: int, requests: Iterable[bytes], *, connections: int, rate: float | None
) -> tuple[float, list[tuple[bytes, float]]]:
    """Seconds that the requests took, and the heads of their answers with the time of each."""
    loop = asyncio.get_running_loop()
    crowd = Crowd(requests, in_time=rate is not None)
    made = [
        (await loop.create_connection(lambda: Connection(crowd), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    began = time.perf_counter()
    crowd.begin(made)
    if rate is not None:
        number = 0
        while crowd.due():
            number += 1
            await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        crowd.end()
    await asyncio.wait_for(crowd.over.wait(), LONGEST_S)
    return time.perf_counter() - began, crowd.heads


def offer(
    port: int,
    requests: Sequence[bytes],
    *,
    count: int | None = None,
    rate: float | None = None,
) -> Run:
    """Have another process ask, and wait for all answers.

    Args:
        port: On this machine.
        requests: To send; from the first again where `count` is larger.
        count: How many; each once where None.
        rate: Requests a second, whether or not answers come; as fast as they come where None.
    """
    with tempfile.NamedTemporaryFile(prefix="dmae-load-") as file:
        for request in requests:
            file.write(struct.pack(">I", len(request)) + request)
        file.flush()
        command = [sys.executable, "-m", "bench.load_client", "--port", str(port)]
        command += ["--count", str(count or len(requests))]
        command += [] if rate is None else ["--rate", str(rate)]
        said = subprocess.run([*command, file.name], stdout=subprocess.PIPE, check=True)
    told = json.loads(said.stdout)
    return Run(seconds=told["seconds"], answers=[Answer(**each) for each in told["answers"]])


def _read(file: Path) -> Iterator[bytes]:
    data, at = file.read_bytes(), 0
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        yield data[at + 4 : at + 4 + length]
        at += 4 + length


def main() -> None:
    """Ask as the command line says; print the answers as JSON."""
    parser = ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--rate", type=float)
    parser.add_argument("file", type=Path, help="requests, the length of each before it")
    told = parser.parse_args()
    requests = islice(cycle(list(_read(told.file))), told.count)
    asking = run(told.port, requests, connections=told.connections, rate=told.rate)
    seconds, heads = asyncio.run(asking)
    answers = [read_head(*each) for each in heads]
    slots = ("status", "seconds", "retry_after", "location")
    rows = [{name: getattr(answer, name) for name in slots} for answer in answers]
    json.dump({"seconds": seconds, "answers": rows}, sys.stdout)


if __name__ == "__main__":
    main()
