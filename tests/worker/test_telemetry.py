"""What a worker counts of itself."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from smoothing.sampler import Draws
from smoothing.votes import Phase, Votes
from worker.telemetry import Counters, Metered

IMAGE = np.zeros((1, 2, 2), dtype=np.float32)


def draws(count: int) -> Draws:
    return Draws(image=IMAGE, sigma=1.0, key=b"k" * 32, phase=Phase.ESTIMATION, start=0, stop=count)


class _Sampler:
    """Has room for eight rows, and fails where it is told to."""

    batch_size = 8
    depth = 2

    def __init__(self, *, fails: str = "") -> None:
        self._fails = fails

    def start(self, slices: Sequence[Draws]) -> Callable[[], list[Votes]]:
        if self._fails == "start":
            raise RuntimeError("start")

        def finish() -> list[Votes]:
            if self._fails == "finish":
                raise RuntimeError("finish")
            return [Votes(counts=(each.num_draws, 0)) for each in slices]

        return finish


class _Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_rows_and_room_of_each_batch_are_counted() -> None:
    counters = Counters()
    sampler = Metered(_Sampler(), counters, draws_per_s=1.0)

    votes = sampler.start([draws(3), draws(2)])()
    sampler.start([draws(8)])()

    counts = counters.read()
    assert [each.total for each in votes] == [3, 2]
    assert (counts["batches"], counts["rows"], counts["room"]) == (2, 13, 16)
    assert (sampler.batch_size, sampler.depth) == (8, 2)


def test_time_in_which_batches_overlap_is_counted_once() -> None:
    clock = _Clock()
    counters = Counters(clock=clock)
    counters.ready()
    sampler = Metered(_Sampler(), counters, draws_per_s=1.0)
    first = sampler.start([draws(1)])
    clock.now += 1
    second = sampler.start([draws(1)])
    clock.now += 1
    first()
    clock.now += 1
    under_way = counters.read()["forward_s"]
    second()
    clock.now += 5

    counts = counters.read()

    assert (under_way, counts["forward_s"], counts["ready_s"]) == (3, 3, 8)


@pytest.mark.parametrize("fails", ["start", "finish"])
def test_a_batch_that_fails_is_counted_and_leaves_the_device(fails: str) -> None:
    clock = _Clock()
    counters = Counters(clock=clock)
    sampler = Metered(_Sampler(fails=fails), counters, draws_per_s=1.0)

    with pytest.raises(RuntimeError, match=fails):
        sampler.start([draws(1)])()
    clock.now += 10

    counts = counters.read()
    assert (counts["failures"], counts["forward_s"]) == (1, 0)


def drawn(sampler: Metered, clock: _Clock, *, seconds: float, each: float, rows: int = 8) -> None:
    """Batch after batch, two under way at any time."""
    under_way = [sampler.start([draws(rows)])]
    for _ in range(round(seconds / each)):
        under_way.append(sampler.start([draws(rows)]))
        clock.now += each
        under_way.pop(0)()


def test_the_speed_becomes_that_of_the_latest_full_batches() -> None:
    clock = _Clock()
    sampler = Metered(_Sampler(), Counters(clock=clock), draws_per_s=800.0, clock=clock)

    drawn(sampler, clock, seconds=10, each=0.1)
    after_ten = sampler.draws_per_s
    drawn(sampler, clock, seconds=60, each=0.1)

    assert after_ten == pytest.approx(80 + 720 * np.exp(-1), rel=1e-6)
    assert sampler.draws_per_s == pytest.approx(80, rel=0.02)


def test_batches_that_are_not_full_and_pauses_do_not_change_the_speed() -> None:
    clock = _Clock()
    sampler = Metered(_Sampler(), Counters(clock=clock), draws_per_s=80.0, clock=clock)

    drawn(sampler, clock, seconds=10, each=0.1, rows=3)
    clock.now += 1_000
    drawn(sampler, clock, seconds=10, each=0.1)

    assert sampler.draws_per_s == pytest.approx(80.0)
