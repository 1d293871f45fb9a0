"""Configurations of the commands that train."""

from dataclasses import dataclass, field
from pathlib import Path

from model_store.card import Architecture
from training.config.checks import require
from training.config.corruption import CorruptionConfig
from training.config.data import DataConfig
from training.config.loop import LoopConfig
from training.config.optim import OptimConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderConfig:
    """Shape of the autoencoder's decoder."""

    embed_dim: int = 128
    depth: int = 2
    num_heads: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainConfig:
    """Pre-training: rebuild the clean image from a corrupted one."""

    data: DataConfig = field(default_factory=DataConfig)
    architecture: Architecture
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    corruption: CorruptionConfig = field(default_factory=CorruptionConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneConfig:
    """Fine-tuning of a classifier under noise.

    Attributes:
        init: Run directory of a pre-training, or of a fine-tuning, to start from.
        sigma: Standard deviation of the noise, in units of a [0, 1] pixel.
        views: Noisy copies of each image in a step.
        consistency: Weight of the consistency term's KL part; 0 leaves the whole term out.
        entropy: Weight of the consistency term's entropy part.
        label_smoothing: Of the cross-entropy.
        drop_path: Largest stochastic depth rate.
    """

    data: DataConfig = field(default_factory=DataConfig)
    architecture: Architecture
    optim: OptimConfig = field(default_factory=OptimConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    init: Path | None = None
    sigma: float = 0.25
    views: int = 1
    consistency: float = 0.0
    entropy: float = 0.5
    label_smoothing: float = 0.0
    drop_path: float = 0.0

    def __post_init__(self) -> None:
        require(self.sigma >= 0, f"sigma must be 0 or above, got {self.sigma}")
        require(self.views >= 1, f"views must be 1 or above, got {self.views}")
        # timm draws stochastic depth from torch's global generator, which threads would share.
        require(
            self.drop_path == 0 or self.loop.shares == 1,
            f"drop_path {self.drop_path} needs loop.shares 1, got {self.loop.shares}",
        )
