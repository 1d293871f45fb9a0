"""How long a run is, and how it is executed."""

from dataclasses import dataclass
from typing import Literal

from training.config.checks import require


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopConfig:
    """How long and how a run is executed.

    Attributes:
        steps: Optimiser steps of the whole schedule.
        batch_size: Images a step, before they are repeated as noisy views.
        seed: Root of every random stream of the run.
        device: A torch device.
        precision: `bfloat16` computes on a bfloat16 copy of float32 master weights.
        shares: Threads that each compute a share of every batch; above 1 for CPUs only.
        threads: Threads inside an operation, outside the shares; 0 leaves torch's choice.
        log_every: Steps between two rows of losses.csv.
        checkpoint_every: Steps between two checkpoints; one is always written at the end.
        validate_every: Steps between two validations; 0 for none.
    """

    steps: int = 1000
    batch_size: int = 256
    seed: int = 0
    device: str = "cpu"
    precision: Literal["float32", "bfloat16"] = "float32"
    shares: int = 1
    threads: int = 0
    log_every: int = 10
    checkpoint_every: int = 500
    validate_every: int = 500

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "shares", "log_every", "checkpoint_every"):
            value = getattr(self, name)
            require(value >= 1, f"{name} must be 1 or above, got {value}")
        require(
            self.batch_size % self.shares == 0,
            f"shares must divide batch_size {self.batch_size}, got {self.shares}",
        )
