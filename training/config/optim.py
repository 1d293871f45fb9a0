"""Optimiser and schedule."""

import math
from dataclasses import dataclass
from typing import Literal

from training.config.checks import require


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimConfig:
    """Optimiser and schedule.

    Attributes:
        optimizer: AdamW for all; or Muon for the matrices inside the blocks and AdamW for the
            rest; or LARS, as linear probes use it.
        lr: Peak learning rate of AdamW or LARS.
        muon_lr: Peak learning rate of Muon, on AdamW's scale (update RMS matched).
        min_lr: Share of the peak that the cosine ends at, in [0, 1].
        warmup: Share of the steps spent in the linear warm-up from 0, in [0, 1].
        betas: AdamW's decay rates.
        momentum: LARS's.
        weight_decay: Decoupled; none on biases and norms nor, in fine-tuning, on positions and the
            class token. LARS adds it to the gradient.
        layer_decay: Each layer's rate over that of the layer above it, in (0, 1]; 1 for none.
        clip_norm: Gradients are scaled down to this global L2 norm; 0 for no clipping.
    """

    optimizer: Literal["adamw", "muon", "lars"] = "adamw"
    lr: float = 1e-3
    muon_lr: float = 2e-3
    min_lr: float = 0.0
    warmup: float = 0.05
    betas: tuple[float, float] = (0.9, 0.95)
    momentum: float = 0.9
    weight_decay: float = 0.05
    layer_decay: float = 1.0
    clip_norm: float = 1.0

    def __post_init__(self) -> None:
        for name in ("lr", "muon_lr", "weight_decay", "clip_norm"):
            value = getattr(self, name)
            require(
                0 <= value < math.inf, f"optim.{name} must be 0 or above and finite, got {value}"
            )
        for name in ("min_lr", "warmup"):
            value = getattr(self, name)
            require(0 <= value <= 1, f"optim.{name} must be in [0, 1], got {value}")
        for value in (*self.betas, self.momentum):
            require(0 <= value < 1, f"optim.betas and momentum must be in [0, 1), got {value}")
        require(
            0 < self.layer_decay <= 1,
            f"optim.layer_decay must be in (0, 1], got {self.layer_decay}",
        )

    def require_one_rate(self, command: str) -> None:
        """Refuses a decay over the layers, where a command trains all of them at one rate.

        Raises:
            BadConfig: There is one.
        """
        require(
            self.layer_decay == 1.0,
            f"optim.layer_decay is for fine-tuning: {command} has one rate, got {self.layer_decay}",
        )
