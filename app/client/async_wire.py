"""Makes the calls of flows, awaiting each."""

import asyncio
from collections.abc import AsyncGenerator
from typing import TypeVar

import httpx

from app.client.events import Listening
from app.client.flows import Call, Flow, Pause
from app.client.views import JobStatus

T = TypeVar("T")


class AsyncWire:
    """Makes the calls of flows, one after the other.

    Args:
        http: Carries the requests.
    """

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def run(self, flow: Flow[T]) -> T:
        """The result of a flow."""
        try:
            step = next(flow)
            while True:
                try:
                    answer = await self._do(step)
                except httpx.RequestError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(answer)
        except StopIteration as done:
            return done.value

    async def listen(self, listening: Listening) -> AsyncGenerator[JobStatus]:
        """What a stream of events tells, until it ends or breaks off."""
        try:
            request = listening.call().request(self._http)
            answer = await self._http.send(request, stream=True)
            try:
                if listening.begin(answer):
                    async for piece in answer.aiter_bytes():
                        for status in listening.feed(piece):
                            yield status
            finally:
                await answer.aclose()
        except httpx.RequestError:
            return

    async def _do(self, step: Call | Pause) -> httpx.Response | None:
        if isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
            return None
        return await self._http.send(step.request(self._http))
