"""Pictures of a certified tensor: as it is, under noise, and changed by as much as is certified."""

import hashlib

import numpy as np
from numpy.typing import NDArray

SPOT_SHARE = 1 / 16
"""Standard deviation of the spot, over the picture's height."""

Pixels = NDArray[np.float64]


def pixels(tensor: bytes, shape: tuple[int, int, int]) -> Pixels:
    """A certified tensor's numbers.

    Args:
        tensor: float32 little-endian, channels first.
        shape: Channels, height and width.
    """
    return np.frombuffer(tensor, dtype="<f4").reshape(shape).astype(np.float64)


def noisy(image: Pixels, *, sigma: float, name: str) -> Pixels:
    """One draw of Gaussian noise on a picture, the same each time for the same name.

    It is none of the draws of a certificate: those are made from a secret key.

    Args:
        image: As certified.
        sigma: Of the noise, in units of a [0, 1] pixel.
        name: What the draw is made from.
    """
    seed = int.from_bytes(hashlib.sha256(f"picture of {name}".encode()).digest()[:16])
    return image + np.random.default_rng(seed).normal(scale=sigma, size=image.shape)


def spot(shape: tuple[int, ...], *, norm: float) -> Pixels:
    """A soft round spot in the middle of a picture, of a given L2 norm over all channels."""
    channels, height, width = shape
    down = np.arange(height)[:, None] - (height - 1) / 2
    across = np.arange(width)[None, :] - (width - 1) / 2
    bump = np.exp(-(down**2 + across**2) / (2 * (SPOT_SHARE * height) ** 2))
    whole = np.broadcast_to(bump, (channels, height, width))
    return whole * (norm / float(np.linalg.norm(whole)))


def perturbed(image: Pixels, *, radius: float) -> Pixels:
    """A picture that lies exactly `radius` away: with a spot, lighter or darker as there is room.

    Args:
        image: As certified.
        radius: L2, in units of a [0, 1] pixel.
    """
    change = spot(image.shape, norm=radius)
    middle = float(np.average(image, weights=change))
    return image + change if middle < 0.5 else image - change


def strongest_change(shape: tuple[int, ...], *, radius: float) -> float:
    """The largest change of any one value in `perturbed`, in units of a [0, 1] pixel."""
    return float(spot(shape, norm=radius).max())
