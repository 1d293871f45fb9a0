r"""Gaussian noise that can be drawn again: every draw has an address, not a history.

Draw i of a phase is a pure function of (job key, phase, i), so any process can draw any range
again, in any order. `smoothing.philox` has the words, `smoothing.grid` the quick way from
words to "sound" rows, which gives what float64 gives to the last bit.

How far "sound" noise is from the ideal
---------------------------------------
Ideal: rint(255 x + 255 sigma Z) with Z standard normal in real numbers, which is the base
classifier "round to the 1/255 grid, then classify" under exact Gaussian noise. Drawn: the
same with 53-bit uniforms and float64. Couple both through real uniforms U1, U2. With
u = 2^-53 and s = 255 sigma, the coordinate s Z is off by s times the following, in the mean
(E|Z| = 0.8; |.| of the other coordinate of a pair is independent of Z, and also 0.8):

    angle on a grid of midpoints, |dtheta| <= pi u, mean pi u / 2          1.26 u
    2 pi 2^-53 rounded, and its product with |theta| <= pi, mean pi / 2    2.52 u
    U1 rounded up: u/2 E[|cos| / (U1 r)] = u/2 (2/pi) integral of dr,
        r up to 8.57, taken as 9 for the curvature at the end              2.87 u
    log and cos (sin), assumed good to 4 units in the last place           9.60 u
    sqrt, its product with cos, 255 sigma, and the product with s          3.20 u

so E = 19.5 u. A value of the grid changes only where an error carries it over a
half-integer h. The mass that crosses h in one direction is at most (density at h) x (mean
error at h), and opposite flows cancel, so the total variation of a coordinate is at most
the sum of this over all h. A sum over integers is at most the integral, s E, plus half the
total variation of the summand, which is below E term by term (0.4, 0.6 and 0.1 of it).
The product 255 x is exact (24 + 8 bits). Rounding the sum a = 255 x + s Z is off by at most
u |a|, and |255 x| < 512, which adds u (512 + 0.8 s + 205 / s) in the same way. Pairs with
U1 < 2^-50, where first-order estimates end, have probability 8 u. (The rest of the tail,
|Z| > 8.57, is missing; it lies within these.) A pair's two coordinates cross at once with a
probability of second order, and pairs are independent, so a draw's total variation is at most

    size x u x [19.5 (s + 1) + 512 + 0.8 s + 205 / s + 4]

which `total_variation_bound` returns: 9.6e-8 for 150,528 coordinates (3 x 224 x 224) at
sigma = 1, 3.1e-8 at 0.25, 1.9e-9 for 3,072 (3 x 32 x 32) at 1. Where it exceeds the 1e-7
that every certificate pays, sound noise is refused.

Assumed, not proved: that Philox's words under a secret key are as good as independent and
uniform, and the 4 units in the last place for log, cos and sin (tests compare them with
multiple-precision arithmetic). For "fast" numerics nothing is claimed: float32 throughout,
no grid, a normal tail that ends at 6.66.

Source:
    Box and Muller (1958). Why rounding matters to a certificate: Voracek and Hein (2023).
"""

from collections.abc import Iterator
from math import pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smoothing.errors import InvalidParams
from smoothing.params import TOTAL_VARIATION
from smoothing.philox import KEY_BYTES, Words, stream_of
from smoothing.votes import Phase

_ROUNDOFF = 2.0**-53
# Rows are turned into normals in blocks of about this many values, to stay in the cache.
_BLOCK_VALUES = 1 << 15

Real = np.floating[Any]
"""float64 or float32."""


def total_variation_bound(size: int, sigma: float) -> float:
    """How far one draw of sound noise can be from the ideal law, in total variation.

    Args:
        size: Number of coordinates of the image.
        sigma: Standard deviation of the noise, in units of a [0, 1] pixel; above 0.

    Source:
        The derivation in the module's docstring.
    """
    scale = 255.0 * sigma
    return size * _ROUNDOFF * (19.5 * (scale + 1) + 512 + 0.8 * scale + 205 / scale + 4)


def standard_normals(
    key: bytes, phase: Phase, start: int, stop: int, size: int, *, dtype: type[Real]
) -> NDArray[Real]:
    """Standard normal noise of the draws [start, stop), the same each time it is asked for.

    Args:
        key: The job's secret key, 32 bytes.
        phase: Selection or estimation; their noise never overlaps.
        start: First draw, at least 0.
        stop: One past the last draw.
        size: Values per draw, at least 1.
        dtype: float64, or float32: other noise, from half as many random bits.

    Returns:
        Array of shape (stop - start, size).

    Raises:
        InvalidParams: The key's length, the range or the size is out of bounds.
    """
    blocks = _normal_blocks(key, phase, start, stop, size, dtype)
    return np.concatenate(list(blocks))


def check_sound(size: int, sigma: float) -> None:
    """Refuse what sound noise is not proved for.

    Raises:
        InvalidParams: The bound for this size and sigma exceeds what certificates pay.
    """
    bound, paid = total_variation_bound(size, sigma), TOTAL_VARIATION["sound"]
    if not bound <= paid:
        raise InvalidParams(
            f"sound noise is proved to within {paid:g} only, and sigma={sigma} on {size} "
            f"values needs {bound:.2g}; fast noise would do, as a heuristic",
            field="sigma",
        )


def _normal_blocks(
    key: bytes, phase: Phase, start: int, stop: int, size: int, dtype: type[Real]
) -> Iterator[NDArray[Real]]:
    """The rows of `standard_normals`, a few at a time."""
    check_address(key, start, stop, size)
    half = (size + 1) // 2
    words_per_draw = half if dtype is np.float32 else 2 * half
    rows = max(1, _BLOCK_VALUES // words_per_draw)
    stream, source = stream_of(key, phase), Words()
    for first in range(start, stop, rows):
        draws = range(first, min(first + rows, stop))
        words = np.stack([source.raw(stream, draw, words_per_draw) for draw in draws])
        radius, angle = _polar(words, half, dtype)
        cosines, sines = radius * np.cos(angle), radius * np.sin(angle)
        yield np.concatenate([cosines, sines], axis=1)[:, :size]


def _polar(
    words: NDArray[np.uint64], half: int, dtype: type[Real]
) -> tuple[NDArray[Real], NDArray[Real]]:
    """Box-Muller's radius and angle, each of shape (rows, half)."""
    if dtype is np.float32:
        bits = words.view(np.uint32)
        uniforms = bits[:, :half].astype(dtype)
        angle = bits[:, half:].view(np.int32).astype(dtype)
        resolution = 2.0**-32
    else:
        uniforms = (words[:, :half] >> np.uint64(11)).astype(dtype)
        angle = (words[:, half:].view(np.int64) >> np.int64(11)).astype(dtype)
        resolution = 2.0**-53
    uniforms += dtype(1.0)  # in (0, 1] once scaled, so the logarithm is finite
    uniforms *= dtype(resolution)
    radius = np.log(uniforms, out=uniforms)
    radius *= dtype(-2.0)
    np.sqrt(radius, out=radius)
    angle += dtype(0.5)  # signed midpoints: half the rounding error of [0, 2 pi)
    angle *= dtype(2 * pi * resolution)
    return radius, angle


def check_address(key: bytes, start: int, stop: int, size: int) -> None:
    """Refuse an address that has no noise.

    Raises:
        InvalidParams: The key's length, the range or the size is out of bounds.
    """
    if len(key) != KEY_BYTES:
        raise InvalidParams(f"key must have {KEY_BYTES} bytes, got {len(key)}", field="key")
    if not 0 <= start < stop:
        message = f"a range needs 0 <= start < stop, got [{start}, {stop})"
        raise InvalidParams(message, field="start")
    if size < 1:
        raise InvalidParams(f"size must be at least 1, got {size}", field="size")
