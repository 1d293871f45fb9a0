"""How far apart two images are, without ever saying that they are closer than they are."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.record import ImageRef

_RELATIVE_ERROR = 2.0**-50
"""Each difference, square, the sum, which `fsum` rounds once, and the root are off by 2^-53 of
themselves: together by less than three and a half times that, and this is eight times."""

_AT_ONCE = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Distance:
    """Bounds on an L2 distance, in units of a [0, 1] pixel.

    Attributes:
        at_least: The distance is no smaller.
        at_most: The distance is no larger.
    """

    at_least: float
    at_most: float

    def of_uploads_at_least(self, image: ImageRef) -> float:
        """How far apart two uploads of one size are at least, in their own pixels.

        Preprocessing moves two images that are d apart to at most `spectral_norm` d + 2
        `rounding_slack` apart; this is what follows for d.
        """
        room = self.at_least - 2 * image.rounding_slack
        return max(room / image.spectral_norm * (1 - _RELATIVE_ERROR), 0.0)

    def within(self, radius: float) -> bool:
        """Whether the distance is surely below a radius."""
        return self.at_most < radius


def distance(one: NDArray[np.float32], other: NDArray[np.float32]) -> Distance:
    """The L2 distance of two tensors of one shape."""
    computed = math.sqrt(math.fsum(_squares(one, other)))
    return Distance(
        at_least=computed * (1 - _RELATIVE_ERROR), at_most=computed * (1 + _RELATIVE_ERROR)
    )


def _squares(one: NDArray[np.float32], other: NDArray[np.float32]) -> Iterator[float]:
    left, right = one.ravel(), other.ravel()
    for start in range(0, left.size, _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        difference = left[part].astype(np.float64) - right[part].astype(np.float64)
        yield from (difference * difference).tolist()
