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
        loop: Says how many shares, and in which precision they compute.
    """

    def __init__(self, model: nn.Module, loop: LoopConfig) -> None:
        self._copies = [
            ComputeCopy(model, loop.precision, shared=loop.shares > 1) for _ in range(loop.shares)
        ]
        self._parameters = list(model.parameters())
        self._pool = (
            ThreadPoolExecutor(loop.shares, initializer=torch.set_num_threads, initargs=(1,))
            if loop.shares > 1
            else None
        )

    def backward(self, loss: LossFunction, batches: Sequence[Batch]) -> float:
        """Mean loss of the shares; its gradients are left on the master weights."""
        losses = [loss] * len(batches)
        if self._pool is None:
            values = list(map(_backward, self._copies, losses, batches))
        else:
            values = list(self._pool.map(_backward, self._copies, losses, batches))
        for parameter in self._parameters:
            parameter.grad = None
        for copy in self._copies:
            copy.hand_back(weight=1 / len(self._copies))
        return sum(values) / len(values)


def _backward(copy: ComputeCopy, loss: LossFunction, batch: Batch) -> float:
    copy.refresh()
    value = loss(copy.network, batch)
    value.backward()
    return value.item()
