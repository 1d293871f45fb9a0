"""One thread, one batch shape, many callers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from itertools import pairwise
from threading import Event
from time import monotonic, sleep
from typing import Any

import numpy as np
import pytest

from smoothing.certificate import Phase, Votes
from smoothing.sampler import Draws
from worker.batcher import Batcher, BatcherClosed

IMAGE = np.zeros((3, 2, 2), dtype=np.float32)


def draws(start: int, stop: int, sigma: float = 0.25, job: int = 0) -> Draws:
    key = bytes([job]) * 32
    return Draws(image=IMAGE, sigma=sigma, key=key, phase=Phase.SELECTION, start=start, stop=stop)


class _Sampler:
    """Even draws vote for class 0, odd ones for class 1; sigma 9 breaks a batch."""

    def __init__(self, batch_size: int = 8, depth: int = 1) -> None:
        self.batch_size, self.depth = batch_size, depth
        self.batches: list[list[tuple[float, int, int]]] = []
        self.go_on = Event()
        self.pass_s = 0.0

    def start(self, slices: Sequence[Draws]) -> Callable[[], list[Votes]]:
        self.batches.append([(each.sigma, each.start, each.stop) for each in slices])

        def finish() -> list[Votes]:
            self.go_on.wait(5)
            sleep(self.pass_s)
            if any(each.sigma == 9.0 for each in slices):
                raise RuntimeError("broken")
            return [votes(each.start, each.stop) for each in slices]

        return finish


def votes(start: int, stop: int) -> Votes:
    odd = sum(index % 2 for index in range(start, stop))
    return Votes(counts=(stop - start - odd, odd))


def occupy(batcher: Batcher) -> "Future[Votes]":
    """Puts a batch on the device, where it stays until the sampler may go on."""
    future = batcher.submit("m", draws(0, 1))
    while batcher.busy_s() == 0:
        pass
    return future


@pytest.fixture
def sampler() -> _Sampler:
    """A sampler that waits until it may go on."""
    return _Sampler()


@pytest.fixture
def batcher(sampler: _Sampler) -> Iterator[Batcher]:
    """A batcher of that sampler."""
    made = Batcher(lambda: {"m": sampler})
    made.start()
    yield made
    sampler.go_on.set()
    made.close()


def test_a_long_request_is_drawn_in_batches(batcher: Batcher, sampler: _Sampler) -> None:
    sampler.go_on.set()

    counted = batcher.submit("m", draws(5, 26)).result(5)

    assert counted == votes(5, 26)
    assert sampler.batches == [[(0.25, 5, 13)], [(0.25, 13, 21)], [(0.25, 21, 26)]]


def test_jobs_share_batches_whatever_their_noise(batcher: Batcher, sampler: _Sampler) -> None:
    blocking = occupy(batcher)
    long = batcher.submit("m", draws(0, 12, sigma=0.5, job=1))
    short = batcher.submit("m", draws(100, 102, sigma=1.0, job=2))

    sampler.go_on.set()

    assert [each.result(5) for each in (blocking, short, long)] == [
        votes(0, 1),
        votes(100, 102),
        votes(0, 12),
    ]
    assert sorted(map(sorted, sampler.batches[1:])) == [
        [(0.5, 0, 6), (1.0, 100, 102)],
        [(0.5, 6, 12)],
    ]


def test_the_requests_of_one_job_are_served_in_turn(batcher: Batcher, sampler: _Sampler) -> None:
    blocking = occupy(batcher)
    mine = [batcher.submit("m", draws(start, start + 10, sigma=0.5)) for start in (0, 10)]
    other = batcher.submit("m", draws(0, 4, sigma=1.0, job=1))

    sampler.go_on.set()

    assert all(each.result(5) for each in (blocking, *mine, other))
    assert sorted(sampler.batches[1]) == [(0.5, 0, 4), (1.0, 0, 4)]
    assert sampler.batches[2:] == [[(0.5, 4, 10), (0.5, 10, 12)], [(0.5, 12, 20)]]


def test_more_requests_than_rows_are_all_served(batcher: Batcher, sampler: _Sampler) -> None:
    waiting = [batcher.submit("m", draws(index, index + 3, job=index)) for index in range(20)]

    sampler.go_on.set()

    assert [each.result(5) for each in waiting] == [votes(i, i + 3) for i in range(20)]
    assert max(sum(stop - start for _, start, stop in batch) for batch in sampler.batches) == 8


def test_an_error_reaches_only_those_who_caused_it(batcher: Batcher, sampler: _Sampler) -> None:
    blocking = occupy(batcher)
    broken = batcher.submit("m", draws(0, 30, sigma=9.0))
    fine = batcher.submit("m", draws(0, 30))

    sampler.go_on.set()

    assert (blocking.result(5), fine.result(5)) == (votes(0, 1), votes(0, 30))
    with pytest.raises(RuntimeError, match="broken"):
        broken.result(5)


def test_the_parts_of_a_failed_batch_are_not_timed_as_one(sampler: _Sampler) -> None:
    """Each takes as long as a batch; the time of all of them may be that of a stuck device."""
    busy_since: list[float] = []
    batcher = Batcher(lambda: {"m": sampler})
    start = sampler.start

    def noted(slices: Sequence[Draws]) -> Callable[[], list[Votes]]:
        busy_since.append(monotonic() - batcher.busy_s())
        return start(slices)

    sampler.start = noted  # type: ignore[method-assign]
    batcher.start()
    blocking = occupy(batcher)
    fine = [batcher.submit("m", draws(0, 2, job=job)) for job in (1, 2, 3)]
    broken = batcher.submit("m", draws(0, 2, sigma=9.0, job=4))
    sampler.pass_s = 0.1
    sampler.go_on.set()

    assert [each.result(5) for each in (blocking, *fine)] == [votes(0, 1), *[votes(0, 2)] * 3]
    assert broken.exception(5) is not None
    batcher.close()
    alone, shared, *parts = busy_since
    assert alone < shared
    assert len(parts) == 4
    assert all(before < after for before, after in pairwise(parts))


def test_an_unknown_model_is_an_error_and_not_the_end(batcher: Batcher, sampler: _Sampler) -> None:
    sampler.go_on.set()

    with pytest.raises(KeyError, match="other"):
        batcher.submit("other", draws(0, 1)).result(5)
    assert batcher.submit("m", draws(0, 1)).result(5) == votes(0, 1)


def test_models_take_turns() -> None:
    samplers = {"a": _Sampler(), "b": _Sampler()}
    order: list[str] = []
    batcher = Batcher(lambda: {name: _Noting(it, name, order) for name, it in samplers.items()})
    batcher.start()
    first = batcher.submit("a", draws(0, 32))
    second = batcher.submit("b", draws(0, 32))

    [sampler.go_on.set() for sampler in samplers.values()]

    first.result(5), second.result(5)
    assert order in (["a", "b"] * 4, ["a", "a", *["b", "a"] * 2, "b", "b"])
    batcher.close()


class _Noting:
    def __init__(self, sampler: _Sampler, name: str, order: list[str]) -> None:
        self.batch_size, self.depth, self._sampler = sampler.batch_size, sampler.depth, sampler
        self._name, self._order = name, order

    def start(self, slices: Sequence[Draws]) -> Callable[[], list[Votes]]:
        self._order.append(self._name)
        return self._sampler.start(slices)


def test_what_waits_at_the_end_is_told_so(sampler: _Sampler) -> None:
    batcher = Batcher(lambda: {"m": sampler})
    batcher.start()
    at_work = batcher.submit("m", draws(0, 8))
    while batcher.busy_s() == 0:
        pass
    waiting = batcher.submit("m", draws(0, 8))
    batcher.close(timeout_s=0)

    sampler.go_on.set()

    assert at_work.result(5) == votes(0, 8)
    for late in (waiting, batcher.submit("m", draws(0, 8))):
        with pytest.raises(BatcherClosed):
            late.result(5)


def test_an_error_in_loading_is_raised_where_the_start_waits() -> None:
    def load() -> Mapping[str, Any]:
        raise OSError("no store")

    with pytest.raises(OSError, match="no store"):
        Batcher(load).start()


def test_errors_are_told_before_those_who_wait_hear_of_them(sampler: _Sampler) -> None:
    told: list[Exception] = []
    tell: Callable[[Exception], None] = told.append
    batcher = Batcher(lambda: {"m": sampler}, on_error=tell)
    batcher.start()
    sampler.go_on.set()

    with pytest.raises(RuntimeError):
        batcher.submit("m", draws(0, 1, sigma=9.0)).result(5)

    assert [str(error) for error in told] == ["broken"]
    batcher.close()


def test_the_device_is_given_the_next_batch_before_it_is_done_with_the_last() -> None:
    sampler = _Sampler(depth=3)
    batcher = Batcher(lambda: {"m": sampler})
    batcher.start()

    long = batcher.submit("m", draws(0, 40))
    wait_for(lambda: len(sampler.batches) == 3)
    sampler.go_on.set()

    assert long.result(5) == votes(0, 40)
    assert [batch[0][1] for batch in sampler.batches] == [0, 8, 16, 24, 32]
    batcher.close()


def test_a_batch_that_would_only_wait_for_the_device_waits_for_company() -> None:
    sampler = _Sampler(depth=2)
    batcher = Batcher(lambda: {"m": sampler})
    batcher.start()
    blocking = batcher.submit("m", draws(0, 8))
    wait_for(lambda: bool(sampler.batches))

    few = [batcher.submit("m", draws(0, 3, job=job)) for job in (1, 2)]
    before = len(sampler.batches)
    sampler.go_on.set()

    assert [each.result(5) for each in (blocking, *few)] == [votes(0, 8), *[votes(0, 3)] * 2]
    assert (before, len(sampler.batches)) == (1, 2)
    batcher.close()


def test_a_batch_waits_a_moment_for_those_who_were_just_served() -> None:
    sampler = _Sampler()
    batcher = Batcher(lambda: {"m": sampler})
    batcher.start()
    blocking = occupy(batcher)
    first, second = (batcher.submit("m", draws(0, 3, job=job)) for job in (1, 2))
    again: list[Future[Votes]] = []
    first.add_done_callback(lambda _: again.append(batcher.submit("m", draws(3, 5, job=1))))
    sampler.pass_s = 0.4  # of which a tenth is worth waiting
    sampler.go_on.set()

    second.result(5)
    again.append(batcher.submit("m", draws(3, 5, job=2)))

    assert [each.result(5) for each in (blocking, *again)] == [votes(0, 1), *[votes(3, 5)] * 2]
    assert [len(batch) for batch in sampler.batches] == [1, 2, 2]
    batcher.close()


def test_an_error_while_others_are_under_way_reaches_only_its_own(sampler: _Sampler) -> None:
    sampler.depth = 3
    batcher = Batcher(lambda: {"m": sampler})
    batcher.start()
    requests = [batcher.submit("m", draws(0, 8, sigma=s, job=j)) for j, s in ((1, 1.0), (2, 9.0))]
    broken = batcher.submit("m", draws(0, 40, sigma=9.0, job=3))

    sampler.go_on.set()

    assert requests[0].result(5) == votes(0, 8)
    for each in (requests[1], broken):
        with pytest.raises(RuntimeError, match="broken"):
            each.result(5)
    assert batcher.submit("m", draws(5, 9)).result(5) == votes(5, 9)
    assert batcher.busy_s() == 0
    batcher.close()


def test_batches_under_way_at_the_end_are_still_counted(sampler: _Sampler) -> None:
    sampler.depth = 3
    batcher = Batcher(lambda: {"m": sampler})
    batcher.start()
    under_way = batcher.submit("m", draws(0, 24))
    wait_for(lambda: len(sampler.batches) == 3)
    waiting = batcher.submit("m", draws(0, 8))
    batcher.close(timeout_s=0)

    sampler.go_on.set()

    assert under_way.result(5) == votes(0, 24)
    with pytest.raises(BatcherClosed):
        waiting.result(5)


def wait_for(condition: Callable[[], bool]) -> None:
    give_up_at = monotonic() + 5
    while not condition():
        assert monotonic() < give_up_at
        sleep(0.001)
