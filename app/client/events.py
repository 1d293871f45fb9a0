"""A job's Server-Sent Events, from bytes as they arrive."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import httpx

from app.client.errors import UnexpectedAnswer
from app.client.flows import Call
from app.client.views import JobStatus

LONGEST_LINE = 4 * 1024 * 1024
HEARTBEAT_S = 15.0
"""The service lets a stream be silent no longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One event of a stream: its name, its data and the id to resume after."""

    name: str
    data: str
    id: str


class Messages:
    """Puts together what a stream of events sends, however it is cut into pieces.

    Source:
        WHATWG HTML, 9.2.6 "Interpreting an event stream".
    """

    def __init__(self) -> None:
        self._rest = b""
        self._name = ""
        self._data: list[str] = []
        self.last_id = ""

    def feed(self, piece: bytes) -> Iterator[Message]:
        """The events that a piece completes.

        Raises:
            ValueError: A line without end, which no service sends.
        """
        # Not str.splitlines: that also cuts at characters which data may hold.
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            raise ValueError(f"a line of over {LONGEST_LINE} bytes")
        for line in lines:
            message = self._line(line.removesuffix(b"\r").decode(errors="replace"))
            if message is not None:
                yield message

    def _line(self, line: str) -> Message | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._name = value
        elif name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self.last_id = value
        return None

    def _dispatch(self) -> Message | None:
        name, data = self._name or "message", "\n".join(self._data)
        self._name, self._data = "", []
        return Message(name=name, data=data, id=self.last_id) if data else None


class Listening:
    """Follows a job by a stream of events, from what is known of it.

    Args:
        known: The job when it was last looked at.

    Attributes:
        known: The same, and then what the stream told.
    """

    def __init__(self, known: JobStatus) -> None:
        self.known = known
        self._messages = Messages()

    def call(self) -> Call:
        """What asks for the events that follow what is known."""
        version = self.known.etag.removeprefix("W/").strip('"')
        headers = {"Accept": "text/event-stream"}
        if version:
            headers["Last-Event-ID"] = version
        path = f"/jobs/{self.known.id}/events"
        return Call(method="GET", path=path, headers=headers, held_s=HEARTBEAT_S)

    def begin(self, answer: httpx.Response) -> bool:
        """Whether an answer is a stream of events."""
        self._messages = Messages()
        kind = answer.headers.get("Content-Type", "")
        return answer.is_success and kind.startswith("text/event-stream")

    def feed(self, piece: bytes) -> Iterator[JobStatus]:
        """The views of the job that a piece completes.

        Raises:
            UnexpectedAnswer: The events are not of this service.
        """
        try:
            for message in self._messages.feed(piece):
                if message.name in {"state", "progress"}:
                    self.known = JobStatus.of(json.loads(message.data), etag=f'W/"{message.id}"')
                    yield self.known
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise UnexpectedAnswer(f"the events are not of this service: {error!r}") from error
