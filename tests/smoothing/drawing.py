"""Pictures of noise, and ranges of draws of them."""

import numpy as np

from smoothing import Phase, Votes
from smoothing.sampler import Draws, Sampler, count_votes

KEY = bytes(range(32))
SHAPE = (3, 8, 8)


def image(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(SHAPE, dtype=np.float32)


def draws(start: int, stop: int, *, of=None, sigma=0.5, key=KEY, phase=Phase.ESTIMATION, **options):
    of = image() if of is None else of
    return Draws(image=of, sigma=sigma, key=key, phase=phase, start=start, stop=stop, **options)


def total(sampler: Sampler, what: Draws) -> Votes:
    return sum(count_votes(sampler, what), Votes.none(sampler.num_classes))
