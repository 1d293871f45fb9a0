"""One step's loss and gradients, the batch shared out among threads.

On a CPU, torch's own threads meet at the end of every operation, and one that the system takes
away holds up the others each time. Here every thread has a share of the batch and a copy of the
network, and they meet once a step.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from training.config import LoopConfig
from training.engine.precision import ComputeCopy


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What a share of a step sees.

    Attributes:
        pixels: Clean, augmented images in [0, 1].
        labels: Class indices.
        generator: The share's own stream, on the images' device.
    """

    pixels: Float[Tensor, "batch channels height width"]
    labels: Int[Tensor, " batch"]
    generator: torch.Generator


LossFunction = Callable[[nn.Module, Batch], Tensor]


class Shares:
    """Networks to compute a step's gradients on, one for each share of the batch.

    Args:
        model: Master weights; gradients are left on them.
        loop: Says how many shares, how many at once, and in which precision they compute.
    """

    def __init__(self, model: nn.Module, loop: LoopConfig) -> None:
        at_once = loop.at_once(loop.shares)
        self._copies = [
            ComputeCopy(model, loop.precision, shared=at_once > 1) for _ in range(at_once)
        ]
        self._parameters = list(model.parameters())
        self._pool = (
            ThreadPoolExecutor(at_once, initializer=torch.set_num_threads, initargs=(1,))
            if at_once > 1
            else None
        )

    def backward(self, loss: LossFunction, batches: Sequence[Batch]) -> float:
        """Mean loss of the shares; its gradients are left on the master weights."""
        for parameter in self._parameters:
            parameter.grad = None
        values: list[float] = []
        at_once = len(self._copies)
        for start in range(0, len(batches), at_once):
            values += self._together(loss, batches[start : start + at_once])
            for copy in self._copies[: len(values) - start]:
                copy.hand_back(weight=1 / len(batches))
        return sum(values) / len(values)

    def _together(self, loss: LossFunction, batches: Sequence[Batch]) -> list[float]:
        losses = [loss] * len(batches)
        if self._pool is None:
            return list(map(_backward, self._copies, losses, batches))
        return list(self._pool.map(_backward, self._copies, losses, batches))


def _backward(copy: ComputeCopy, loss: LossFunction, batch: Batch) -> float:
    copy.refresh()
    value = loss(copy.network, batch)
    value.backward()
    return value.item()
