"""Optimiser steps, each a function of the weights and of its number alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training.config import LoopConfig, OptimConfig
from training.data import BatchSource
from training.engine.distributed import Processes
from training.engine.optim import divided, learning_rate_scale, set_learning_rate
from training.engine.shares import Batch, LossFunction, Shares
from training.streams import stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a step showed.

    Attributes:
        step: Its number, from 0.
        loss: Over the whole batch, with the weights before the step.
        gradient_norm: Global L2 norm before clipping.
    """

    step: int
    loss: float
    gradient_norm: float

    @property
    def finite(self) -> bool:
        """Whether training can go on from here."""
        return math.isfinite(self.loss) and math.isfinite(self.gradient_norm)


class Stepper:
    """Takes steps, and remembers their figures on the device until somebody looks.

    To look at every step's loss would make the CPU wait for an accelerator each time.

    Args:
        model: Master weights, float32.
        optimizers: Over the model's parameters, with a `lr_scale` in each group; restored
            already, where a run is resumed.
        loss: Of a network (the model or its low-precision copy) on a share of a batch.
        source: The shares' images.
        optim: Schedule and clipping.
        loop: Shares, seed, precision.
        steps: Length of the schedule.
        processes: Among which the shares are divided up.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizers: Sequence[torch.optim.Optimizer],
        loss: LossFunction,
        source: BatchSource,
        *,
        optim: OptimConfig,
        loop: LoopConfig,
        steps: int,
        processes: Processes,
    ) -> None:
        self._model, self._loss, self._source = model, loss, source
        self._optim, self._loop, self._steps = optim, loop, steps
        self._shares = Shares(model, loop, processes)
        self._optimizers = [
            part for each in optimizers for part in divided(each, self._shares.at_once)
        ]
        self._parameters = [p for p in model.parameters() if p.requires_grad]
        self._pending: list[tuple[int, Tensor]] = []

    def take(self, step: int) -> None:
        """One optimiser step."""
        self._model.train()
        batches = batches_of(self._source, self._loop, step=step, shares=self._shares.mine)
        loss = self._shares.backward(self._loss, batches, step=step)
        norm = nn.utils.clip_grad_norm_(self._parameters, self._optim.clip_norm or math.inf)
        set_learning_rate(self._optimizers, self.scale(step))
        self._shares.spread([optimizer.step for optimizer in self._optimizers])
        self._pending.append((step, torch.stack([loss, norm.to(loss)])))

    def scale(self, step: int) -> float:
        """Share of the peak learning rate at a step."""
        optim = self._optim
        return learning_rate_scale(
            step, steps=self._steps, warmup=optim.warmup, min_lr=optim.min_lr
        )

    def figures(self) -> list[Figures]:
        """Those of the steps since the last call."""
        steps = [step for step, _ in self._pending]
        values = torch.stack([value for _, value in self._pending]).tolist() if steps else []
        self._pending.clear()
        return [
            Figures(step=step, loss=loss, gradient_norm=norm)
            for step, (loss, norm) in zip(steps, values, strict=True)
        ]


def batches_of(
    source: BatchSource, loop: LoopConfig, *, step: int, shares: Sequence[int]
) -> list[Batch]:
    """Some shares of a step's batch, each with its own stream."""
    drawn = [(number, *source.share(step, number)) for number in shares]
    return [
        Batch(
            pixels=pixels,
            labels=labels,
            generator=stream(loop.seed, f"step/{number}", step, device=loop.device),
        )
        for number, pixels, labels in drawn
    ]
