"""Processes that each have the sampler of a worker, and nothing else of the service."""

from collections.abc import Generator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from threading import Barrier

import numpy as np
import torch

from bench.peers import ALPHA, N0
from bench.subject import Subject
from model_store.runtimes import Wishes
from smoothing import SmoothingParams
from smoothing.sampler import Sampler, certify


@dataclass(frozen=True, slots=True, kw_only=True)
class Bare:
    """The processes.

    Attributes:
        pool: Where they are.
        processes: How many.
    """

    pool: ProcessPoolExecutor
    processes: int

    def certify(self, images: int, *, n: int) -> None:
        """Certify so many images, shared out evenly, with a fixed n."""
        tasks = [
            self.pool.submit(_certify, images, n) for images in _shares(images, self.processes)
        ]
        for task in tasks:
            task.result()


@contextmanager
def bare_samplers(subject: Subject, *, processes: int, batch_size: int) -> Generator[Bare]:
    """Processes of one thread each, with the model loaded."""
    context = get_context("spawn")
    barrier = context.Barrier(processes)
    arguments = (subject, batch_size)
    with ProcessPoolExecutor(processes, context, _open, (*arguments, barrier)) as pool:
        yield Bare(pool=pool, processes=processes)


def _shares(images: int, processes: int) -> list[int]:
    return [len(range(at, images, processes)) for at in range(processes)]


class _Own:
    """What a process of the pool keeps."""

    subject: Subject
    sampler: Sampler
    barrier: Barrier


def _open(subject: Subject, batch_size: int, barrier: Barrier) -> None:
    torch.set_num_threads(1)
    opened = subject.opened(Wishes(threads=1, streams=1, batch_size=batch_size))
    _Own.subject, _Own.sampler, _Own.barrier = subject, subject.sampler(opened), barrier


def _certify(images: int, n: int) -> None:
    # Each process takes one share: none may take two while another is still starting.
    _Own.barrier.wait()
    params = SmoothingParams(sigma=_Own.subject.sigma, n0=N0, n=n, alpha=ALPHA)
    for seed in range(images):
        image = np.random.default_rng(seed).random(_Own.subject.shape, dtype=np.float32)
        certify(_Own.sampler, image, key=bytes(32), params=params)
