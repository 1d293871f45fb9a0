"""From a measured speed to numbers a client meets: default n, chunk size, when to come again."""

import math
from collections.abc import Mapping

from smoothing.limits import MAX_DRAWS
from smoothing.params import DEFAULT_N0, Mode, SmoothingParams
from smoothing.procedures import opening

DEFAULT_N: Mapping[Mode, int] = {
    "adaptive": 100_000,
    "decide": 100_000,
    "anytime": 100_000,
    "predict": 1_000,
}
LADDER = (10_000, 1_000)
"""For mode "fixed"."""

PATIENCE_S = 120.0
CHUNK_S = 0.5
SMALLEST_CHUNK = 16
LARGEST_CHUNK = 10_000
LONGEST_RETRY_S = 3_600


def default_n(
    mode: Mode, draws_per_s: float, *, n0: int = DEFAULT_N0, at_most: int = MAX_DRAWS
) -> int:
    """Draws that a request which names no number may take.

    For "fixed" the largest step of a short ladder that is done within two minutes. A ladder, not a
    number that follows the speed, so that requests that are equal stay equal and share a
    certificate. The other modes stop as soon as they can, so theirs is the most.

    Args:
        mode: Of the request.
        draws_per_s: Of all workers of the model together.
        n0: Draws for selection that come before.
        at_most: The largest n that may be asked for.
    """
    if mode != "fixed":
        return min(DEFAULT_N[mode], at_most)
    steps = [min(step, at_most) for step in LADDER]
    fitting = [step for step in steps if step + n0 <= PATIENCE_S * draws_per_s]
    return (fitting or steps[-1:])[0]


def most_draws(params: SmoothingParams) -> int:
    """Draws that an answer takes, as far as is known before the first: in most modes the most."""
    return opening(params, 2).draws_planned


def chunk_size(draws_per_s: float) -> int:
    """Draws in a unit of work: about half a second of one worker, in whole sixteens."""
    sixteens = round(CHUNK_S * draws_per_s / SMALLEST_CHUNK) * SMALLEST_CHUNK
    return min(max(sixteens, SMALLEST_CHUNK), LARGEST_CHUNK)


def poll_after_s(eta_s: float | None) -> int:
    """Retry-After of a job that is not finished: a few looks, none of them too early."""
    return 1 if eta_s is None else min(max(math.ceil(eta_s / 4), 1), 10)


def whole_s(seconds: float) -> int:
    """Retry-After of what should not be asked again before so many seconds, an hour at most."""
    return min(max(math.ceil(seconds), 1), LONGEST_RETRY_S)
