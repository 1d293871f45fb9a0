r"""Images under float64 noise on the 1/255 grid, at the price of float32.

Wanted is rint(a) with a = 255 x + 255 sigma (r cos t) in float64, a function of the address to
the last bit. The integer depends on the last bits of a only where a is close to a half-integer.
So a is first computed in float32; where that is further than its error from every
half-integer, the float64 sum rounds to the same integer, and elsewhere (a few of 3,072 values)
it is computed in float64 after all.

With e = 2^-24, s = 255 sigma, r <= 8.58, and the logarithm and the angle's uniform in float64,
the float32 sum is off by at most the sum of

    radius: s r rounded, twice, its square root halving the first     1.5 e s r
    angle in [0, 2 pi] rounded to float32                               4 e s r
    cos (sin), assumed good to 4 units in the last place                4 e s r
    their product                                                         e s r
    255 x, up to 510, rounded; the sum, up to 510 + s r, rounded      (1020 + s r) e

which is e (11.5 s r + 1020); `_error` returns more.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import pi
from threading import local

import numpy as np
from numpy.typing import NDArray

from smoothing.philox import Stream, Words

# Values of a block: 42 rows of 3 x 32 x 32 in 3 MB. Beside a busy forward pass its caches are cold
# in any case, and fewer calls cost less.
_BLOCK_VALUES = 1 << 17
_STEP = 2.0**-53
_LARGEST_RADIUS = 8.58

# A block's memory is kept for the next call: faulting it in costs a tenth of the noise.
_kept = local()


@dataclass(frozen=True, slots=True, eq=False)
class Strip:
    """Some draws of one image.

    Attributes:
        pixels: Shape (size,), values in [-1, 2].
        scale: 255 sigma.
        stream: Where the randomness is from.
        draws: One or more.
    """

    pixels: NDArray[np.float32]
    scale: float
    stream: Stream
    draws: range


def draw_on_grid(strips: Sequence[Strip], out: NDArray[np.float32]) -> None:
    """Writes the rows of all strips, one below the other, in multiples of 1/255.

    Args:
        strips: Of images of one size.
        out: Shape (draws of all strips, size); overwritten.
    """
    block = _block(out.shape[1])
    begin = 0
    for pieces in _packed(strips, block.rows):
        integers = block.integers(pieces)
        end = begin + len(integers)
        # From the integers on it is a function of them alone: part of the base classifier.
        np.divide(integers, np.float32(255.0), out=out[begin:end])
        begin = end


class _Block:
    """Memory for some rows of noise, used again and again.

    Values come in pairs: `half` cosines, then as many sines (less one where size is odd).
    """

    def __init__(self, size: int, rows: int) -> None:
        self.size, self.rows = size, rows
        self._half = (size + 1) // 2
        self._words = Words()
        self._uniforms = np.empty((rows, 2 * self._half))
        self._radii, self._angles, self._waves = np.empty((3, rows, self._half), np.float32)
        self._sums, self._integers = np.empty((2, rows, size), np.float32)

    def integers(self, pieces: Sequence[Strip]) -> NDArray[np.float32]:
        """The rounded sums of at most `rows` draws, valid until the next call."""
        owner = np.repeat(np.arange(len(pieces)), [len(piece.draws) for piece in pieces])
        scale = np.array([piece.scale for piece in pieces])[owner][:, None]
        count = len(owner)
        rows = iter(self._uniforms)
        for piece in pieces:
            for draw in piece.draws:
                self._words.uniforms(piece.stream, draw, out=next(rows))
        logs, turns = np.split(self._uniforms[:count], 2, axis=1)
        logs += _STEP  # in (0, 1], so that the logarithm is finite
        np.log(logs, out=logs)
        sums, integers = self._sums[:count], self._integers[:count]
        self._add_quickly(logs, turns, scale, pieces, sums)
        np.rint(sums, out=integers)
        sums -= integers
        np.abs(sums, out=sums)
        row, column = np.divmod(np.flatnonzero(sums > 0.5 - _error(scale)), self.size)
        if row.size:
            pixels = np.stack([piece.pixels for piece in pieces])[owner[row], column]
            normals = self._normals(logs, turns, row, column)
            integers[row, column] = np.rint(
                255.0 * pixels.astype(np.float64) + scale[row, 0] * normals
            )
        return integers

    def _add_quickly(
        self,
        logs: NDArray[np.float64],
        turns: NDArray[np.float64],
        scale: NDArray[np.float64],
        pieces: Sequence[Strip],
        sums: NDArray[np.float32],
    ) -> None:
        count, half, rest = len(sums), self._half, self.size - self._half
        radii, angles, waves = (a[:count] for a in (self._radii, self._angles, self._waves))
        np.multiply(logs, -2.0 * scale**2, out=radii, casting="same_kind")
        np.sqrt(radii, out=radii)
        np.multiply(turns, 2 * pi, out=angles, casting="same_kind")
        np.multiply(np.cos(angles, out=waves), radii, out=sums[:, :half])
        np.sin(angles, out=waves)
        np.multiply(waves[:, :rest], radii[:, :rest], out=sums[:, half:])
        begin = 0
        for piece in pieces:
            sums[begin : begin + len(piece.draws)] += np.float32(255.0) * piece.pixels
            begin += len(piece.draws)

    def _normals(
        self,
        logs: NDArray[np.float64],
        turns: NDArray[np.float64],
        row: NDArray[np.intp],
        column: NDArray[np.intp],
    ) -> NDArray[np.float64]:
        """The normals at some places: the operations of `standard_normals`, in their order."""
        sine = column >= self._half
        pair = np.where(sine, column - self._half, column)
        turn = turns[row, pair]
        turn -= turn >= 0.5
        angle = (turn + _STEP / 2) * (2 * pi)
        radius = np.sqrt(-2.0 * logs[row, pair])
        return radius * np.where(sine, np.sin(angle), np.cos(angle))


def _error(scale: NDArray[np.float64]) -> NDArray[np.float32]:
    """More than the float32 sums can be off, by the module's docstring."""
    bound = 2.0**-24 * (12.0 * _LARGEST_RADIUS * scale + 1_100.0)
    return bound.astype(np.float32)


def _block(size: int) -> _Block:
    block: _Block | None = getattr(_kept, "block", None)
    if block is None or block.size != size:
        block = _kept.block = _Block(size, max(1, _BLOCK_VALUES // size))
    return block


def _packed(strips: Sequence[Strip], rows: int) -> Iterator[list[Strip]]:
    """The draws of the strips in order, at most `rows` at a time."""
    pieces: list[Strip] = []
    room = rows
    for strip in strips:
        left = strip.draws
        while left:
            now, left = left[:room], left[room:]
            pieces.append(Strip(strip.pixels, strip.scale, strip.stream, now))
            room -= len(now)
            if not room:
                yield pieces
                pieces, room = [], rows
    if pieces:
        yield pieces
