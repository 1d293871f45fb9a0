"""What an autoencoder is shown, and what it is asked for: one idea, three published objectives."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from training.config.checks import require


@dataclass(frozen=True, slots=True, kw_only=True)
class CorruptionConfig:
    """Noise on every pixel, a mask over some patches, and the patches that the loss looks at.

    Attributes:
        noise: `constant` level, or a level for each image by a `gamma` or `uniform` distribution.
        sigma: Level of the constant noise, in units of a [0, 1] pixel.
        gamma_shape: Shape of the gamma distribution.
        gamma_scale: Its scale, in units of a [0, 1] pixel; the mean level is shape times scale.
        uniform_low: Lowest level of the uniform distribution, in units of a [0, 1] pixel.
        uniform_high: Its highest.
        mask_ratio: Share of the patches hidden from the encoder, in [0, 1).
        loss_on: `all` patches, as DMAE and NIM have it, or the `masked` ones, as MAE.
        norm_pix: Standardise each clean target patch by its own mean and variance.
    """

    noise: Literal["constant", "gamma", "uniform"] = "constant"
    sigma: float = 0.25
    gamma_shape: float = 25.0
    gamma_scale: float = 3 / 255
    uniform_low: float = 0.0
    uniform_high: float = 30 / 255
    mask_ratio: float = 0.75
    loss_on: Literal["all", "masked"] = "all"
    norm_pix: bool = True

    def __post_init__(self) -> None:
        for name in ("sigma", "uniform_low", "uniform_high"):
            value = getattr(self, name)
            require(0 <= value < math.inf, f"{name} must be 0 or above and finite, got {value}")
        for name in ("gamma_shape", "gamma_scale"):
            value = getattr(self, name)
            require(0 < value < math.inf, f"{name} must be above 0 and finite, got {value}")
        require(
            self.uniform_high >= self.uniform_low,
            f"uniform_high must be at least uniform_low {self.uniform_low}, "
            f"got {self.uniform_high}",
        )
        require(0 <= self.mask_ratio < 1, f"mask_ratio must be in [0, 1), got {self.mask_ratio}")
        require(
            self.loss_on == "all" or self.mask_ratio > 0,
            "loss_on masked needs a mask_ratio above 0, got 0",
        )


# What each objective is made of; "dmae" is also what a recipe starts from.
OBJECTIVES: Mapping[str, CorruptionConfig] = {
    "dmae": CorruptionConfig(),
    "mae": CorruptionConfig(sigma=0.0, loss_on="masked"),
    "nim": CorruptionConfig(noise="gamma", mask_ratio=0.0),
}
