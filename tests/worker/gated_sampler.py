"""A sampler that waits until it may go on, and what a batcher's tests do with it."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Event
from time import monotonic, sleep

import numpy as np

from smoothing.sampler import Draws
from smoothing.votes import Phase, Votes
from worker.batcher import Batcher

IMAGE = np.zeros((3, 2, 2), dtype=np.float32)


def draws(start: int, stop: int, sigma: float = 0.25, job: int = 0) -> Draws:
    key = bytes([job]) * 32
    return Draws(image=IMAGE, sigma=sigma, key=key, phase=Phase.SELECTION, start=start, stop=stop)


class GatedSampler:
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


def wait_for(condition: Callable[[], bool]) -> None:
    give_up_at = monotonic() + 5
    while not condition():
        assert monotonic() < give_up_at
        sleep(0.001)
