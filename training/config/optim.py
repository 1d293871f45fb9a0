"""Optimiser and schedule."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimConfig:
    """Optimiser and schedule.

    Attributes:
        optimizer: AdamW for all, or Muon for the matrices inside the blocks and AdamW for the rest.
        lr: Peak learning rate of AdamW.
        muon_lr: Peak learning rate of Muon, on AdamW's scale (update RMS matched).
        min_lr: Share of the peak that the cosine ends at, in [0, 1].
        warmup: Share of the steps spent in the linear warm-up from 0.
        betas: AdamW's decay rates.
        weight_decay: Decoupled, on matrices only.
        layer_decay: Each layer's rate over that of the layer above it; 1 for none.
        clip_norm: Gradients are scaled down to this global L2 norm.
    """

    optimizer: Literal["adamw", "muon"] = "adamw"
    lr: float = 1e-3
    muon_lr: float = 2e-3
    min_lr: float = 0.0
    warmup: float = 0.05
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.05
    layer_decay: float = 1.0
    clip_norm: float = 1.0
