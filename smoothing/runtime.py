"""What runs a base classifier: batches of one static shape, several under way at once."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from smoothing.errors import UnsoundClassifier

BaseClassifier = nn.Module
"""Maps images in [0, 1] plus noise, shape (batch, channels, height, width), to logits,
shape (batch, classes); in eval mode, each row by itself."""


@runtime_checkable
class Runtime(Protocol):
    """Runs a base classifier on batches of one static shape.

    Attributes:
        batch_size: Rows of every batch.
        depth: Batches that are worth having under way at once.
        device: Where it takes its rows.
    """

    batch_size: int
    depth: int
    device: torch.device

    def start(self, rows: Tensor) -> Callable[[], Tensor]:
        """Start a batch.

        Args:
            rows: Shape (batch, channels, height, width); may be overwritten after the call.

        Returns:
            Waits for the logits, shape (batch, classes). An accelerator's may be on their way
            still, in the order of its stream.
        """
        ...


class Eager:
    """Runs a module as it is, in the thread that starts a batch.

    Args:
        classifier: In eval mode; moved to the device.
        batch_size: Rows of every batch.
        device: Where to run it.

    Raises:
        UnsoundClassifier: The classifier or a part of it is in training mode.
    """

    def __init__(self, classifier: BaseClassifier, batch_size: int, device: torch.device) -> None:
        for module in classifier.modules():
            if module.training:
                name = type(module).__name__
                raise UnsoundClassifier(f"{name} is in training mode; call eval() first")
        self.batch_size, self.device, self.depth = batch_size, device, 1
        self._classifier = classifier.to(device)

    @torch.inference_mode()
    def start(self, rows: Tensor) -> Callable[[], Tensor]:
        """The batch's logits, which are ready on a CPU."""
        logits = self._classifier(rows)
        return lambda: logits
