"""Contenders take turns, and a budget is kept to the round."""

from collections.abc import Callable

import pytest

from bench import rounds
from bench.rounds import interleaved


class Clock:
    """Time that passes only as it is told."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def taking(self, seconds: float) -> Callable[[], float]:
        def work() -> float:
            self.now += seconds
            return seconds

        return work


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(rounds, "time", clock)
    return clock


def test_every_other_round_goes_backwards_after_one_that_does_not_count():
    calls: list[str] = []

    def called(name: str) -> float:
        calls.append(name)
        return float(len(calls))

    values = interleaved({"a": lambda: called("a"), "b": lambda: called("b")}, rounds=2, seconds=60)

    assert "".join(calls) == "ababba"
    assert values == {"a": (3.0, 6.0), "b": (4.0, 5.0)}


@pytest.mark.parametrize(("seconds", "expected"), [(0, 1), (25, 2), (35, 3), (1000, 5)])
def test_no_round_begins_that_would_end_too_late_but_the_first_does(
    clock: Clock, seconds: float, expected: int
):
    values = interleaved(
        {"a": clock.taking(4), "b": clock.taking(6)}, rounds=5, seconds=seconds, warm_up=False
    )

    assert len(values["a"]) == len(values["b"]) == expected


def test_a_rate_is_per_second(clock: Clock):
    assert rounds.rate(30, clock.taking(2)) == 15
