"""One thread, one batch shape, many callers."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future

from smoothing.sampler import Draws
from smoothing.votes import Votes
from tests.worker.gated_sampler import GatedSampler, draws, occupy, votes, wait_for
from worker.batcher import Batcher


def test_a_long_request_is_drawn_in_batches(batcher: Batcher, sampler: GatedSampler) -> None:
    sampler.go_on.set()

    counted = batcher.submit("m", draws(5, 26)).result(5)

    assert counted == votes(5, 26)
    assert sampler.batches == [[(0.25, 5, 13)], [(0.25, 13, 21)], [(0.25, 21, 26)]]


def test_jobs_share_batches_whatever_their_noise(batcher: Batcher, sampler: GatedSampler) -> None:
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


def test_the_requests_of_one_job_are_served_in_turn(
    batcher: Batcher, sampler: GatedSampler
) -> None:
    blocking = occupy(batcher)
    mine = [batcher.submit("m", draws(start, start + 10, sigma=0.5)) for start in (0, 10)]
    other = batcher.submit("m", draws(0, 4, sigma=1.0, job=1))

    sampler.go_on.set()

    assert all(each.result(5) for each in (blocking, *mine, other))
    assert sorted(sampler.batches[1]) == [(0.5, 0, 4), (1.0, 0, 4)]
    assert sampler.batches[2:] == [[(0.5, 4, 10), (0.5, 10, 12)], [(0.5, 12, 20)]]


def test_more_requests_than_rows_are_all_served(batcher: Batcher, sampler: GatedSampler) -> None:
    waiting = [batcher.submit("m", draws(index, index + 3, job=index)) for index in range(20)]

    sampler.go_on.set()

    assert [each.result(5) for each in waiting] == [votes(i, i + 3) for i in range(20)]
    assert max(sum(stop - start for _, start, stop in batch) for batch in sampler.batches) == 8


def test_models_take_turns() -> None:
    samplers = {"a": GatedSampler(), "b": GatedSampler()}
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
    def __init__(self, sampler: GatedSampler, name: str, order: list[str]) -> None:
        self.batch_size, self.depth, self._sampler = sampler.batch_size, sampler.depth, sampler
        self._name, self._order = name, order

    def start(self, slices: Sequence[Draws]) -> Callable[[], list[Votes]]:
        self._order.append(self._name)
        return self._sampler.start(slices)


def test_the_device_is_given_the_next_batch_before_it_is_done_with_the_last() -> None:
    sampler = GatedSampler(depth=3)
    batcher = Batcher(lambda: {"m": sampler})
    batcher.start()

    long = batcher.submit("m", draws(0, 40))
    wait_for(lambda: len(sampler.batches) == 3)
    sampler.go_on.set()

    assert long.result(5) == votes(0, 40)
    assert [batch[0][1] for batch in sampler.batches] == [0, 8, 16, 24, 32]
    batcher.close()


def test_a_batch_that_would_only_wait_for_the_device_waits_for_company() -> None:
    sampler = GatedSampler(depth=2)
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
    sampler = GatedSampler()
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
