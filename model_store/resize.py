"""Antialiased resizing along one axis, as an explicit matrix in float64.

The convention is Pillow's and that of torch's `antialias=True`: output pixel i is centred on input
coordinate (i + 1/2) * n / m, the kernel is widened by n / m when shrinking, and the weights of each
row sum to 1. Unlike Pillow's 8-bit resize nothing is rounded or clipped between, so the map is
linear and has a norm; bicubic may overshoot [0, 1], and that is kept.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kernel = Literal["bicubic", "bilinear"]
_SUPPORT = {"bicubic": 2.0, "bilinear": 1.0}
_BLOCK_NUMBERS = 1 << 20
# Rounding of the Gram matrix and of its largest eigenvalue is some 1e-13; this is far above.
_NORM_MARGIN = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Axis:
    """A linear map of one axis: the rows of a resize that a crop keeps.

    Row i has `weights[i]` at inputs `starts[i]`, `starts[i] + 1`, ...; zeros fill its end.

    Attributes:
        starts: (size,) First input of each row, not falling.
        weights: (size, taps).
        norm: Upper bound on the spectral norm; exactly 1 for a crop alone.
        gain: Largest sum of absolute weights of a row: the most the map can enlarge a maximum.
        terms: Rounded operations behind one output at most; 0 for a crop alone.
    """

    starts: NDArray[np.intp]
    weights: NDArray[np.float64]
    norm: float
    gain: float
    terms: int

    @property
    def window(self) -> slice:
        """The inputs that any row reads."""
        return slice(int(self.starts[0]), int(self.starts[-1]) + self.weights.shape[1])

    def times(
        self, columns: int, read: Callable[[slice], NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        """(size, columns): the map, applied to inputs each of which is read once.

        Args:
            columns: Numbers at each input position.
            read: Inputs, (their number, columns).
        """
        if self.terms == 0:
            return read(self.window)
        result = np.zeros((len(self.starts), columns))
        for rows, inputs in self.blocks(columns):
            result[rows] += self.part(rows, inputs) @ read(inputs)
        return result

    def blocks(self, columns: int) -> Iterator[tuple[slice, slice]]:
        """The map in pieces of about a million numbers.

        Args:
            columns: Numbers at each input position.

        Yields:
            Rows, and inputs that no other piece has. A row belongs to several pieces, whose
            products add up to it.
        """
        stops = self.starts + self.weights.shape[1]
        step = max(1, _BLOCK_NUMBERS // columns)
        for low in range(self.window.start, self.window.stop, step):
            high = min(low + step, self.window.stop)
            first = int(np.searchsorted(stops, low, side="right"))
            last = int(np.searchsorted(self.starts, high, side="left"))
            yield slice(first, last), slice(low, high)

    def part(self, rows: slice, inputs: slice) -> NDArray[np.float64]:
        """The dense matrix from some inputs to some rows."""
        taps, low, high = self.weights.shape[1], inputs.start, inputs.stop
        part = np.zeros((rows.stop - rows.start, high - low))
        for row, target in enumerate(part, start=rows.start):
            start = int(self.starts[row])
            inside = slice(max(start, low), min(start + taps, high))
            weights = self.weights[row, inside.start - start : inside.stop - start]
            target[inside.start - low : inside.stop - low] = weights
        return part

    def dense(self, length: int) -> NDArray[np.float64]:
        """The whole matrix, (size, length)."""
        return self.part(slice(0, len(self.starts)), slice(0, length))


@lru_cache(maxsize=64)
def resize_axis(length: int, resized: int, first: int, size: int, kernel: Kernel) -> Axis:
    """The matrix from `length` inputs to outputs `first`, ..., `first + size - 1` of `resized`.

    Source:
        Pillow, Resample.c, precompute_coeffs; Catmull-Rom is Keys (1981) with a = -1/2.
    """
    if length == resized:
        starts = np.arange(first, first + size)
        return Axis(starts=starts, weights=np.ones((size, 1)), norm=1.0, gain=1.0, terms=0)
    scale = length / resized
    stretch = max(scale, 1.0)
    support = _SUPPORT[kernel] * stretch
    centres = (np.arange(first, first + size) + 0.5) * scale
    starts = np.maximum(np.trunc(centres - support + 0.5), 0).astype(np.intp)
    stops = np.minimum(np.trunc(centres + support + 0.5), length).astype(np.intp)
    taps = int((stops - starts).max())
    # Every window has `taps` inputs; one that would pass the end begins earlier, with zeros.
    begins = np.minimum(starts, length - taps)
    at = begins[:, None] + np.arange(taps)
    weights = _kernel((at - centres[:, None] + 0.5) / stretch, kernel)
    weights *= (at >= starts[:, None]) & (at < stops[:, None])
    weights /= weights.sum(axis=1, keepdims=True)
    return Axis(
        starts=begins,
        weights=weights,
        norm=_spectral_norm(begins, weights),
        gain=float(np.abs(weights).sum(axis=1).max()),
        terms=_longest_sum(begins, taps),
    )


def _kernel(x: NDArray[np.float64], kernel: Kernel) -> NDArray[np.float64]:
    x = np.abs(x)
    if kernel == "bilinear":
        return np.maximum(1.0 - x, 0.0)
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _longest_sum(starts: NDArray[np.intp], taps: int) -> int:
    """Terms of a dense product over the whole window: no block sums more."""
    return int(starts[-1] - starts[0]) + taps


def _spectral_norm(starts: NDArray[np.intp], weights: NDArray[np.float64]) -> float:
    """Square root of the largest eigenvalue of W times its transpose, rounded up."""
    size, taps = weights.shape
    gram = np.zeros((size, size))
    for row in range(size):
        # Rows far away share no inputs, so the product is taken over the overlap alone.
        for other in range(row, size):
            shift = int(starts[other] - starts[row])
            if shift >= taps:
                break
            gram[row, other] = weights[row, shift:] @ weights[other, : taps - shift]
            gram[other, row] = gram[row, other]
    return float(np.sqrt(np.linalg.eigvalsh(gram)[-1])) * (1 + _NORM_MARGIN)
