"""Noisy copies of images: ranges of draws, and the rows that they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from smoothing.errors import InvalidParams
from smoothing.grid import Strip, draw_on_grid
from smoothing.noise import Real, check_address, check_sound, standard_normals
from smoothing.params import Numerics
from smoothing.philox import stream_of
from smoothing.votes import Phase


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Draws:
    """A range of draws of one image: rows for a batch.

    Attributes:
        image: Shape (channels, height, width), values in [-1, 2], nominally [0, 1]: an
            antialiased resize overshoots a little, and clipping it would not be linear.
        sigma: Standard deviation of the noise, in units of a [0, 1] pixel.
        key: The job's secret key, 32 bytes.
        phase: Selection or estimation.
        start: First draw, at least 0.
        stop: One past the last draw.
        numerics: "sound" adds in float64 and rounds to multiples of 1/255, without
            clipping; "fast" draws and adds in float32.
    """

    image: NDArray[np.float32]
    sigma: float
    key: bytes
    phase: Phase
    start: int
    stop: int
    numerics: Numerics = "sound"

    @property
    def num_draws(self) -> int:
        """Rows this range fills."""
        return self.stop - self.start

    def rows(self) -> NDArray[np.float32]:
        """The noisy copies, shape (num_draws, channels, height, width).

        Raises:
            InvalidParams: As `draw_rows`.
        """
        rows = np.empty((max(0, self.num_draws), *self.image.shape), dtype=np.float32)
        draw_rows([self], rows)
        return rows


def draw_rows(slices: Sequence[Draws], out: NDArray[np.float32]) -> None:
    """Writes the noisy rows of some draws, in units of a [0, 1] pixel.

    Args:
        slices: Of images of one shape.
        out: Contiguous, of shape (draws of all slices, channels, height, width).

    Raises:
        InvalidParams: An address or an image is out of bounds, or sound noise is not proved
            for its size and sigma.
    """
    for draws in slices:
        check_draws(draws)
    flat = out.reshape(len(out), -1)
    begin = 0
    for numerics, group in groupby(slices, lambda draws: draws.numerics):
        some = list(group)
        end = begin + sum(draws.num_draws for draws in some)
        if numerics == "sound":
            draw_on_grid([_strip(draws) for draws in some], flat[begin:end])
        else:
            np.concatenate([_in_float32(draws) for draws in some], out=flat[begin:end])
        begin = end


def check_draws(draws: Draws) -> None:
    """Refuse draws that cannot be made.

    Raises:
        InvalidParams: The address or the image is out of bounds, or sound noise is not proved
            for this size and sigma.
    """
    image = draws.image
    # A comparison with nan is false, so this refuses nan as well.
    if not (image.size and image.min() >= -1 and image.max() <= 2):
        raise InvalidParams("image values must be in [-1, 2]", field="image")
    check_address(draws.key, draws.start, draws.stop, image.size)
    if draws.numerics == "sound":
        check_sound(image.size, draws.sigma)


def _strip(draws: Draws) -> Strip:
    return Strip(
        draws.image.reshape(-1),
        255.0 * draws.sigma,
        stream_of(draws.key, draws.phase),
        range(draws.start, draws.stop),
    )


def _in_float32(draws: Draws) -> NDArray[Real]:
    rows = standard_normals(
        draws.key, draws.phase, draws.start, draws.stop, draws.image.size, dtype=np.float32
    )
    rows *= np.float32(draws.sigma)
    rows += draws.image.reshape(-1)
    return rows
