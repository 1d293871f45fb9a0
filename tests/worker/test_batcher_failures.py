"""What a batcher's callers hear of errors and of its end."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from time import monotonic
from typing import Any

import pytest

from smoothing.sampler import Draws
from smoothing.votes import Votes
from tests.worker.gated_sampler import GatedSampler, draws, occupy, votes, wait_for
from worker.batcher import Batcher, BatcherClosed


def test_an_error_reaches_only_those_who_caused_it(batcher: Batcher, sampler: GatedSampler) -> None:
    blocking = occupy(batcher)
    broken = batcher.submit("m", draws(0, 30, sigma=9.0))
    fine = batcher.submit("m", draws(0, 30))

    sampler.go_on.set()

    assert (blocking.result(5), fine.result(5)) == (votes(0, 1), votes(0, 30))
    with pytest.raises(RuntimeError, match="broken"):
        broken.result(5)


def test_the_parts_of_a_failed_batch_are_not_timed_as_one(sampler: GatedSampler) -> None:
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


def test_an_unknown_model_is_an_error_and_not_the_end(
    batcher: Batcher, sampler: GatedSampler
) -> None:
    sampler.go_on.set()

    with pytest.raises(KeyError, match="other"):
        batcher.submit("other", draws(0, 1)).result(5)
    assert batcher.submit("m", draws(0, 1)).result(5) == votes(0, 1)


def test_what_waits_at_the_end_is_told_so(sampler: GatedSampler) -> None:
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


def test_errors_are_told_before_those_who_wait_hear_of_them(sampler: GatedSampler) -> None:
    told: list[Exception] = []
    tell: Callable[[Exception], None] = told.append
    batcher = Batcher(lambda: {"m": sampler}, on_error=tell)
    batcher.start()
    sampler.go_on.set()

    with pytest.raises(RuntimeError):
        batcher.submit("m", draws(0, 1, sigma=9.0)).result(5)

    assert [str(error) for error in told] == ["broken"]
    batcher.close()


def test_an_error_while_others_are_under_way_reaches_only_its_own(sampler: GatedSampler) -> None:
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


def test_batches_under_way_at_the_end_are_still_counted(sampler: GatedSampler) -> None:
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
