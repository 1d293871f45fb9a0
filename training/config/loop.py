"""How long a run is, and how it is executed."""

import math
from dataclasses import dataclass
from typing import Literal

from training.config.checks import require


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopConfig:
    """How long and how a run is executed.

    Attributes:
        steps: Optimiser steps of the whole schedule; where it is given, epochs is not looked at.
        epochs: Passes over the training images, each of as many whole batches as they fill; given
            as an option, they replace the recipe's steps.
        batch_size: Images a step, over all processes, before they are repeated as noisy views.
        seed: Root of every random stream of the run.
        device: A torch device; of several processes each takes the one of its own number.
        precision: `bfloat16` computes in bfloat16 on float32 master weights.
        shares: Equal parts that every batch is cut into, each with a random stream of its own;
            under torchrun the processes divide them up, and their number must divide this one.
        parallel: Shares that a process computes at once, on threads of a CPU; the others follow
            one after the other, their gradients added up. 0 for all on a CPU and one on a GPU.
        compile: Compile the network with torch.compile; pays on GPUs and in long runs.
        threads: Threads inside an operation, outside the shares; 0 leaves torch's choice.
        log_every: Steps between two rows of losses.csv.
        checkpoint_every: Steps between two checkpoints; one is always written at the end.
        validate_every: Steps between two validations; 0 for none.
    """

    steps: int | None = None
    epochs: float | None = None
    batch_size: int = 256
    seed: int = 0
    device: str = "cpu"
    precision: Literal["float32", "bfloat16"] = "float32"
    shares: int = 1
    parallel: int = 0
    compile: bool = False
    threads: int = 0
    log_every: int = 10
    checkpoint_every: int = 500
    validate_every: int = 500

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "shares", "log_every", "checkpoint_every"):
            value = getattr(self, name)
            require(value is None or value >= 1, f"{name} must be 1 or above, got {value}")
        for name in ("parallel", "threads", "validate_every"):
            value = getattr(self, name)
            require(value >= 0, f"{name} must be 0 or above, got {value}")
        require(
            self.epochs is None or 0 < self.epochs < math.inf,
            f"epochs must be above 0 and finite, got {self.epochs}",
        )
        require(
            self.batch_size % self.shares == 0,
            f"shares must divide batch_size {self.batch_size}, got {self.shares}",
        )
        require(
            self.parallel <= 1 or self.on_cpu,
            f"parallel above 1 is for CPUs, got {self.parallel} on {self.device}",
        )
        require(
            not (self.compile and self.threaded),
            "compile does not go with shares on threads: --loop.parallel 1 computes one at a time",
        )

    @property
    def on_cpu(self) -> bool:
        """Whether the device is a CPU."""
        return self.device.split(":")[0] == "cpu"

    @property
    def threaded(self) -> bool:
        """Whether one process computes several shares at once, on threads."""
        return self.at_once(self.shares) > 1

    def at_once(self, shares: int) -> int:
        """How many of its `shares` a process computes at once."""
        return min(self.parallel or (shares if self.on_cpu else 1), shares)

    def total_steps(self, images: int) -> int:
        """Optimiser steps of the whole schedule for so many training images.

        Raises:
            BadConfig: Neither steps nor epochs is given, or a batch is larger than an epoch.
        """
        per_epoch = images // self.batch_size
        require(
            per_epoch >= 1,
            f"batch_size {self.batch_size} needs as many training images, there are {images}; "
            "choose a smaller --loop.batch-size",
        )
        if self.steps is not None:
            return self.steps
        require(self.epochs is not None, "a run needs --loop.steps or --loop.epochs")
        return max(1, round((self.epochs or 0) * per_epoch))
