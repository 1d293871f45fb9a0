"""No request may be longer, or arrive slower, than it is allowed to: before anything is kept.

Nor may all of them together: many images that arrive slowly would fill the memory of the process.
Of that, one tenant leaves room for another's body.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.caller import TENANT
from app.errors import BodyTimeout, BodyTooLarge, TooManyUploads
from app.problems import problem_response


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a body is held to.

    Attributes:
        max_bytes: Longest body.
        timeout_s: Longest time between the first byte of the head and the last of the body.
    """

    max_bytes: int
    timeout_s: float


class BodyLimit:
    """Refuses bodies that are too long or too slow, whether they say so or come in chunks.

    Args:
        app: What is protected.
        usual: What bodies are held to.
        max_held_bytes: Most bytes of such bodies that the process holds at a time.
        paths: What they are held to elsewhere; how many come at a time is for these routes to say.
    """

    def __init__(
        self, app: ASGIApp, *, usual: Bounds, max_held_bytes: int, paths: Mapping[str, Bounds]
    ) -> None:
        self._app = app
        self._usual = usual
        self._room = _Room(max_held_bytes, longest=usual.max_bytes)
        self._paths = dict(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one connection, as ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        bounds = self._paths.get(path, self._usual)
        declared = _declared(scope)
        if declared is not None and declared > bounds.max_bytes:
            # The connection stays open: closing it while bytes arrive would reset it, and the
            # client would lose this answer. The server discards what still comes.
            error = BodyTooLarge(declared=declared, limit=bounds.max_bytes)
            await problem_response(error)(scope, receive, send)
            return
        room = (
            self._room
            if bounds is self._usual
            else _Room(bounds.max_bytes, longest=bounds.max_bytes)
        )
        counter = _Counter(receive, bounds, room, scope)
        try:
            await self._app(scope, counter.receive, send)
        finally:
            counter.leave()


class _Room:
    """What bodies may take together, and those of one tenant: all but the longest of another's."""

    def __init__(self, limit: int, *, longest: int) -> None:
        self._limit = self._left = limit
        self._most_each = max(limit - longest, longest)
        self._taken = Counter[str | None]()

    def take(self, size: int, tenant: str | None) -> None:
        if size > self._left:
            raise TooManyUploads(self._limit)
        if self._taken[tenant] + size > self._most_each:
            raise TooManyUploads(self._most_each)
        self._left -= size
        self._taken[tenant] += size

    def give_back(self, size: int, tenant: str | None) -> None:
        self._left += size
        self._taken -= Counter({tenant: size})  # forgets a tenant of which nothing is left


class _Counter:
    def __init__(self, receive: Receive, bounds: Bounds, room: _Room, scope: Scope) -> None:
        self._receive = receive
        self._bounds = bounds
        self._room = room
        self._scope = scope
        self._tenant: str | None = None
        self._came = 0
        self._ends = asyncio.get_running_loop().time() + bounds.timeout_s
        self._complete = False

    async def receive(self) -> Message:
        if self._complete:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._ends):
                message = await self._receive()
        except TimeoutError as error:
            raise BodyTimeout(self._bounds.timeout_s) from error
        size = len(message.get("body", b""))
        if self._came + size > self._bounds.max_bytes:
            raise BodyTooLarge(declared=None, limit=self._bounds.max_bytes)
        if not self._came:  # who sends it is known before any of it is read, where it matters
            self._tenant = self._scope.get(TENANT)
        self._room.take(size, self._tenant)
        self._came += size
        self._complete = not message.get("more_body", False)
        return message

    def leave(self) -> None:
        """The request was answered."""
        self._room.give_back(self._came, self._tenant)


def _declared(scope: Scope) -> int | None:
    texts = [value for name, value in scope["headers"] if name == b"content-length"]
    return int(texts[0]) if texts and texts[0].isdigit() else None
