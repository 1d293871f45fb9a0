"""Configurations of the commands that train."""

import math
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
    """Shape of the autoencoder's decoder.

    Attributes:
        embed_dim: Width of a token; a multiple of 4.
        depth: Number of transformer blocks.
        num_heads: Attention heads; divides `embed_dim`.
    """

    embed_dim: int = 128
    depth: int = 2
    num_heads: int = 4

    def __post_init__(self) -> None:
        _require_positions("decoder", self.embed_dim)
        require(self.depth >= 1, f"decoder.depth must be 1 or above, got {self.depth}")
        require(
            self.num_heads >= 1 and self.embed_dim % self.num_heads == 0,
            f"decoder.num_heads must divide decoder.embed_dim {self.embed_dim}, "
            f"got {self.num_heads}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainConfig:
    """Pre-training: rebuild the clean image from a corrupted one.

    Attributes:
        init: Run directory of a pre-training to continue from, its decoder included.
    """

    data: DataConfig = field(default_factory=DataConfig)
    architecture: Architecture
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    corruption: CorruptionConfig = field(default_factory=CorruptionConfig)
    init: Path | None = None

    def __post_init__(self) -> None:
        _require_positions("architecture", self.architecture.embed_dim)
        patches = (self.architecture.image_size // self.architecture.patch_size) ** 2
        ratio = self.corruption.mask_ratio
        require(
            int(patches * (1 - ratio)) >= 1,
            f"mask_ratio {ratio} hides all of the {patches} patches; 1 or more must be seen",
        )
        self.optim.require_one_rate("pre-training")


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneConfig:
    """Fine-tuning of a classifier under noise.

    Attributes:
        init: Run directory of a pre-training, or of a fine-tuning, to start from.
        sigma: Standard deviation of the noise, in units of a [0, 1] pixel.
        views: Noisy copies of each image in a step.
        consistency: Weight of the consistency term's KL part; 0 leaves the whole term out.
        entropy: Weight of the consistency term's entropy part.
        label_smoothing: Of the cross-entropy, in [0, 1).
        mixup: Alpha of mixup's Beta(alpha, alpha); 0 for none.
        cutmix: Alpha of CutMix's; 0 for none. With both, a fair coin decides for each batch.
        mix_after_noise: Mix noisy views, as the official DMAE code does, which averages the noise
            of mixup away in part; else clean images are mixed and the noise keeps its sigma.
        drop_path: Largest stochastic depth rate, in [0, 1).
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
    mixup: float = 0.0
    cutmix: float = 0.0
    mix_after_noise: bool = False
    drop_path: float = 0.0

    def __post_init__(self) -> None:
        _require_positions("architecture", self.architecture.embed_dim)
        for name in ("sigma", "consistency", "entropy", "mixup", "cutmix"):
            value = getattr(self, name)
            require(0 <= value < math.inf, f"{name} must be 0 or above and finite, got {value}")
        for name in ("label_smoothing", "drop_path"):
            value = getattr(self, name)
            require(0 <= value < 1, f"{name} must be in [0, 1), got {value}")
        require(self.views >= 1, f"views must be 1 or above, got {self.views}")
        require(
            self.consistency == 0 or self.views >= 2,
            f"consistency {self.consistency} compares the views of an image: it needs views 2 or "
            f"above, got {self.views}",
        )
        # timm draws stochastic depth from torch's global generator, which threads would share.
        require(
            self.drop_path == 0 or not self.loop.threaded,
            f"drop_path {self.drop_path} does not go with shares on threads: --loop.parallel 1 "
            "computes one at a time",
        )


def _require_positions(owner: str, embed_dim: int) -> None:
    # Sines and cosines of a row and of a column take a quarter of the channels each.
    require(
        embed_dim >= 4 and embed_dim % 4 == 0,
        f"{owner}.embed_dim must be a multiple of 4, got {embed_dim}",
    )
