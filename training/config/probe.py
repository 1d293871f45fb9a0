"""Configuration of the linear probe."""

import math
from dataclasses import dataclass, field
from pathlib import Path

from model_store.card import Architecture
from training.config.checks import require
from training.config.data import DataConfig
from training.config.loop import LoopConfig
from training.config.optim import OptimConfig
from training.config.runs import FinetuneConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeConfig:
    """Linear probe: a linear classifier on the features of an encoder that stays as it is.

    Attributes:
        init: Run directory of the pre-training whose encoder is probed; None for fresh weights,
            which is the figure to compare with.
        sigma: Standard deviation of the noise, in units of a [0, 1] pixel; 0 for a clean probe.
        statistics_images: Training images, at most, on which the features' mean and variance are
            measured before the first step.
    """

    data: DataConfig = field(default_factory=DataConfig)
    architecture: Architecture
    optim: OptimConfig = field(default_factory=OptimConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    init: Path | None = None
    sigma: float = 0.25
    statistics_images: int = 16_384

    def __post_init__(self) -> None:
        require(
            0 <= self.sigma < math.inf, f"sigma must be 0 or above and finite, got {self.sigma}"
        )
        require(
            self.statistics_images >= 2,
            f"statistics_images must be 2 or above, got {self.statistics_images}",
        )
        require(
            self.optim.optimizer != "muon",
            "optim.optimizer must be adamw or lars: a linear head has no blocks for muon",
        )
        self.optim.require_one_rate("a linear probe")

    def as_finetuning(self) -> FinetuneConfig:
        """The plain fine-tuning that this is once the encoder is frozen: one noisy view."""
        return FinetuneConfig(
            data=self.data,
            architecture=self.architecture,
            optim=self.optim,
            loop=self.loop,
            init=self.init,
            sigma=self.sigma,
        )
