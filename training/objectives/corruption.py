"""The corruption of an image before the encoder sees it: noise on pixels, then a random mask."""

import torch
from jaxtyping import Float
from torch import Tensor

from training.config import CorruptionConfig


def noise_levels(
    config: CorruptionConfig, count: int, *, generator: torch.Generator
) -> Float[Tensor, "count 1 1 1"]:
    """Standard deviation of each image's noise, in units of a [0, 1] pixel.

    Source:
        You et al. (2023), Beyond Pretrained Features: gamma with shape 25 and scale 3 / 255.
    """
    shape, device = (count, 1, 1, 1), generator.device
    if config.noise == "constant":
        return torch.full(shape, config.sigma, device=device)
    if config.noise == "uniform":
        share = torch.rand(shape, generator=generator, device=device)
        return config.uniform_low + (config.uniform_high - config.uniform_low) * share
    # torch's own gamma takes a generator only by this private-looking but stable name.
    alpha = torch.full(shape, config.gamma_shape, device=device)
    return config.gamma_scale * torch._standard_gamma(alpha, generator=generator)  # noqa: SLF001 # pyright: ignore[reportPrivateImportUsage]


def add_noise(
    pixels: Float[Tensor, "batch channels height width"],
    *,
    sigma: float | Float[Tensor, "batch 1 1 1"],
    generator: torch.Generator,
) -> Float[Tensor, "batch channels height width"]:
    """Pixels in [0, 1] plus Gaussian noise; never clipped, as the certificate needs it."""
    noise = torch.randn(pixels.shape, generator=generator, device=pixels.device, dtype=pixels.dtype)
    return pixels + sigma * noise
