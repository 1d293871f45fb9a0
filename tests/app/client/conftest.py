"""Flows without a network and without waiting."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from app.client.flows import Call, Flow, Patience, Pause
from tests.embedded.conftest import job_body  # noqa: F401 - a fixture

Reply = httpx.Response | httpx.RequestError


@dataclass
class Theatre:
    """Runs flows against scripted replies, the last for ever, on a clock that nobody waits for.

    Attributes:
        now: Seconds on the clock.
        holds: Whether long polls are held; else they are answered at once.
        calls: What was asked.
        pauses: Seconds of each pause.
    """

    now: float = 1000.0
    holds: bool = True
    calls: list[Call] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def patience(self, total_s: float = 60.0) -> Patience:
        return Patience(total_s=total_s, absent_s=2.0, clock=lambda: self.now, chance=lambda: 0.5)

    def play(self, flow: Flow[Any], *replies: Reply) -> Any:
        left = iter(replies)
        last: list[Reply] = []
        try:
            step = next(flow)
            while True:
                if isinstance(step, Pause):
                    self.pauses.append(step.seconds)
                    self.now += step.seconds
                    step = flow.send(None)
                    continue
                self.calls.append(step)
                last = [next(left, *last)]
                if self.holds and isinstance(last[0], httpx.Response):
                    self.now += step.held_s
                step = self._give(flow, last[0])
        except StopIteration as done:
            return done.value

    @staticmethod
    def _give(flow: Flow[Any], reply: Reply) -> Call | Pause:
        return flow.throw(reply) if isinstance(reply, Exception) else flow.send(reply)


@pytest.fixture
def theatre() -> Theatre:
    return Theatre()


@pytest.fixture
def reply() -> Callable[..., httpx.Response]:
    """Makes an answer; header names have underscores for hyphens."""

    def make(body: Any, status: int = 200, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.Response(status, json=body, headers=named)

    return make


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Without the variables that the client reads."""
    for name in ("DMAE_URL", "DMAE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch
