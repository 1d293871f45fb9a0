"""Where the noise of each row of a batch is from, as tensors on a device."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64
from torch import Tensor

from smoothing.draws import Draws, check_draws
from smoothing.philox import stream_of
from smoothing.philox_torch import signed


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Addresses:
    """Where the noise of each row is from, on its device.

    Attributes:
        pixels: One row an image.
        owner: Which image each row is of.
        keys: Philox's key words.
        phases: Third word of the counter.
        draws: Second word of the counter.
        scales: 255 sigma.
    """

    pixels: Float32[Tensor, "images size"]
    owner: Int64[Tensor, " rows"]
    keys: Int64[Tensor, "rows 2"]
    phases: Int64[Tensor, " rows"]
    draws: Int64[Tensor, " rows"]
    scales: Float64[Tensor, " rows"]


def addresses_of(slices: Sequence[Draws], device: torch.device) -> Addresses:
    """The addresses of all rows of some slices.

    Raises:
        InvalidParams: As `smoothing.draws.draw_rows`.
    """
    for draws in slices:
        check_draws(draws)
    owner = np.repeat(np.arange(len(slices)), [draws.num_draws for draws in slices])
    streams = [stream_of(draws.key, draws.phase) for draws in slices]
    keys = np.array([[signed(word) for word in stream.key] for stream in streams])
    phases = np.array([stream.phase for stream in streams])
    scales = np.array([255.0 * draws.sigma for draws in slices])
    numbers = np.concatenate([np.arange(draws.start, draws.stop) for draws in slices])
    pixels = np.stack([draws.image.reshape(-1) for draws in slices])
    return Addresses(
        pixels=torch.as_tensor(pixels, device=device),
        owner=torch.as_tensor(owner, device=device),
        keys=torch.as_tensor(keys[owner], device=device),
        phases=torch.as_tensor(phases[owner], device=device),
        draws=torch.as_tensor(numbers, device=device),
        scales=torch.as_tensor(scales[owner], device=device),
    )
