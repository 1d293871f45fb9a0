"""torch as it is: the oracle, and what stands in where another runtime is refused."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from model_store.classifier import Classifier
from model_store.runtimes.contract import Settings

BATCH_SIZES = {"cpu": (32, 16, 64, 128), "cuda": (256, 128, 512, 1024)}


class EagerKind:
    """A classifier in eval mode on its device."""

    name = "eager"

    def __init__(self, classifier: Classifier, device: torch.device) -> None:
        self._classifier, self._device = classifier, device
        self.versions = {"torch": torch.__version__}

    def candidates(self, threads: int) -> Sequence[Settings]:
        """By batch size; threads are torch's."""
        sizes = BATCH_SIZES.get(self._device.type, BATCH_SIZES["cpu"])
        return [Settings(batch_size=size, threads=threads) for size in sizes]

    def open(self, settings: Settings) -> "EagerRuntime":
        """Runs the classifier in the thread that starts a batch."""
        return EagerRuntime(self._classifier, settings.batch_size, self._device)


class EagerRuntime:
    """Calls a function of a batch, in the thread that starts it.

    Args:
        network: Rows to logits.
        batch_size: Rows of every batch.
        device: Of the function.
    """

    def __init__(
        self, network: Callable[[Tensor], Tensor], batch_size: int, device: torch.device
    ) -> None:
        self.batch_size, self.device, self.depth = batch_size, device, 1
        self._network = network

    @torch.inference_mode()
    def start(self, rows: Tensor) -> Callable[[], Tensor]:
        """The batch's logits, which are ready on a CPU."""
        # On CUDA convolutions would be in TF32, which is another function than float32.
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            logits = self._network(rows)
        return lambda: logits
