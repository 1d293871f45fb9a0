"""Makes the calls of flows."""

import time
from collections.abc import Iterator
from typing import TypeVar

import httpx

from app.client.events import Listening
from app.client.flows import Call, Flow, Pause
from app.client.views import JobStatus

T = TypeVar("T")


class Wire:
    """Makes the calls of flows, one after the other.

    Args:
        http: Carries the requests.
    """

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def run(self, flow: Flow[T]) -> T:
        """The result of a flow."""
        try:
            step = next(flow)
            while True:
                try:
                    answer = self._do(step)
                except httpx.RequestError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(answer)
        except StopIteration as done:
            return done.value

    def listen(self, listening: Listening) -> Iterator[JobStatus]:
        """What a stream of events tells, until it ends or breaks off."""
        try:
            request = listening.call().request(self._http)
            answer = self._http.send(request, stream=True)
            try:
                if listening.begin(answer):
                    for piece in answer.iter_bytes():
                        yield from listening.feed(piece)
            finally:
                answer.close()
        except httpx.RequestError:
            return

    def _do(self, step: Call | Pause) -> httpx.Response | None:
        if isinstance(step, Pause):
            time.sleep(step.seconds)
            return None
        return self._http.send(step.request(self._http))
