"""What a number of draws can show at most: when all of them agree."""

from collections.abc import Callable
from functools import lru_cache
from typing import Literal

from smoothing.bounds import certified_radius, leading_by_chance, lower_confidence_bound
from smoothing.sequential import refutes, sequential_lower_bound

Method = Literal[
    "clopper_pearson", "clopper_pearson_runner_up", "truncated_mixture", "binomial_test"
]
"""The bound that an answer rests on; see `docs/guarantee.md`."""

MAX_DRAWS = 1_000_000
"""The most draws a phase may ask for."""

TOP_SHARE, RUNNER_UP_SHARE = 0.9, 0.1
"""How alpha is split where the runner-up is bounded by itself."""

RADIUS_SHARE, CLASS_SHARE = 0.95, 0.05
"""How alpha is split where the class is chosen by the draws that bound it."""


@lru_cache(maxsize=256)
def unanimous_bound(n: int, *, method: Method, alpha: float) -> float:
    """The lower bound on a class's probability if it wins all of n draws; 0.0 if none holds.

    Args:
        n: Draws, at least 1.
        method: The bound.
        alpha: Probability that it is wrong.
    """
    if method == "truncated_mixture":
        sure = refutes(n, n, p=0.5, alpha=CLASS_SHARE * alpha)
        return sequential_lower_bound(n, n, alpha=RADIUS_SHARE * alpha) if sure else 0.0
    if method == "binomial_test":
        return 0.0
    share = TOP_SHARE if method == "clopper_pearson_runner_up" else 1.0
    return lower_confidence_bound(n, n, alpha=share * alpha)


def unanimous_radius(
    n: int, *, method: Method, alpha: float, sigma: float, total_variation: float
) -> float:
    """The largest radius that n draws can certify; 0.0 for a method that bounds none.

    Args:
        n: Draws, at least 1.
        method: The bound.
        alpha: Probability that the certificate is wrong.
        sigma: Standard deviation of the noise, in units of a [0, 1] pixel.
        total_variation: What the noise's numerics cost, subtracted from the bound.
    """
    best = unanimous_bound(n, method=method, alpha=alpha)
    return certified_radius(max(best - total_variation, 0.0), sigma=sigma)


@lru_cache(maxsize=256)
def fewest_draws(*, method: Method, alpha: float, total_variation: float) -> int:
    """The fewest draws that can ever give an answer: more than an abstention.

    Args:
        method: The bound.
        alpha: Probability that the answer is wrong.
        total_variation: What the noise's numerics cost.
    """

    def answers(n: int) -> bool:
        if method == "binomial_test":
            return leading_by_chance(n, 0, advantage=total_variation) <= alpha
        return unanimous_bound(n, method=method, alpha=alpha) - total_variation > 0.5

    n = 1
    while not answers(n):
        n += 1
    return n


def smallest(holds: Callable[[int], bool], low: int, high: int) -> int | None:
    """The smallest whole number in [low, high] for which something holds; None if it never does.

    Args:
        holds: True from some number on; where it is not so, some number for which it holds.
        low: First number to consider.
        high: Last number to consider.
    """
    if not holds(high):
        return None
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return high
