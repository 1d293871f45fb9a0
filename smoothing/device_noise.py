"""Sound noise drawn where it is used: a function of its address on any device.

Words are Philox's at the host's addresses, bit for bit, and the formula is the host's in float64,
so the derivation in `smoothing.noise` holds with the device's log, sqrt, cos and sin in place of
numpy's: CUDA documents at most 2 units in the last place for each where 4 are allowed, and fused
multiply-adds round less often. Last bits differ from the host's, and so does a value where they
carry it over a half-integer, of which the probability is within the same total variation.
That is why this noise has a name of its own.

Where Triton works one kernel writes the rows. Otherwise torch does, with the same integers.
"""

import logging
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from math import pi

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from smoothing.addresses import Addresses, addresses_of
from smoothing.draws import Draws
from smoothing.philox import KEY_BYTES, NOISE_SCHEME
from smoothing.philox_torch import philox_words
from smoothing.votes import Phase

logger = logging.getLogger(__name__)

DEVICE_SCHEME = f"{NOISE_SCHEME}/device"


def rows_on_device(
    slices: Sequence[Draws], num_rows: int, device: torch.device
) -> Float32[Tensor, "{num_rows} channels height width"]:
    """The sound noisy rows of some slices, followed by zeros.

    Raises:
        InvalidParams: As `smoothing.draws.draw_rows`.
    """
    where = addresses_of(slices, device)
    rows = torch.zeros((num_rows, *slices[0].image.shape), device=device)
    flat = rows.view(num_rows, -1)[: len(where.owner)]
    if device.type == "cuda" and where.pixels.shape[1] % 8 == 0 and _triton_works(device):
        from smoothing.noise_cuda import draw_with_triton  # noqa: PLC0415 - Triton is optional

        draw_with_triton(where, flat)
    else:
        flat.copy_(noisy_in_torch(where))
    return rows


def noisy_in_torch(where: Addresses) -> Float[Tensor, "rows size"]:
    """The noisy rows, by torch's own operations."""
    size = where.pixels.shape[1]
    half = (size + 1) // 2
    words = philox_words(where.keys, where.phases, where.draws, 2 * half)
    uniforms = ((words[:, :half] >> 11) & (2**53 - 1)).double().add(1).mul(2.0**-53)
    angles = (words[:, half:] >> 11).double().add(0.5).mul(2 * pi * 2.0**-53)
    radii = uniforms.log().mul(-2.0).sqrt()
    normals = torch.cat([radii * angles.cos(), radii * angles.sin()], dim=1)[:, :size]
    sums = 255.0 * where.pixels[where.owner].double() + where.scales[:, None] * normals
    return sums.round().float() / 255.0


@cache
def _triton_works(device: torch.device) -> bool:
    """Whether it is there and its kernel runs: what launches that is made by a C compiler."""
    if find_spec("triton") is None:
        return False
    from smoothing.noise_cuda import draw_with_triton  # noqa: PLC0415 - Triton is optional

    probe = Draws(
        image=np.zeros((3, 8, 8), dtype=np.float32),
        sigma=1.0,
        key=bytes(KEY_BYTES),
        phase=Phase.SELECTION,
        start=0,
        stop=1,
    )
    try:
        draw_with_triton(addresses_of([probe], device), torch.empty((1, 192), device=device))
    except Exception as error:  # noqa: BLE001 - a compiler of others may raise anything
        logger.warning("Triton does not work, torch draws the noise", extra={"detail": str(error)})
        return False
    return True
