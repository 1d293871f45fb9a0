"""torch.compile with one static batch shape."""

from collections.abc import Sequence

import torch

from model_store.classifier import Classifier
from model_store.compiling import compiled
from model_store.runtimes.contract import Settings
from model_store.runtimes.eager import EagerRuntime

BATCH_SIZES = {"cpu": 32, "cuda": 256}


class CompiledKind:
    """A classifier to be compiled: a minute or more for a batch size, so only one is offered.

    Args:
        classifier: Of torch's own layers, in eval mode, on its device.
        device: Where it is.
        backend: Of `torch.compile`.
    """

    name = "compiled"

    def __init__(
        self, classifier: Classifier, device: torch.device, *, backend: str = "inductor"
    ) -> None:
        self._classifier, self._device, self._backend = classifier, device, backend
        self.versions = {"torch": torch.__version__, "backend": backend}

    def candidates(self, threads: int) -> Sequence[Settings]:
        """One batch size."""
        size = BATCH_SIZES.get(self._device.type, BATCH_SIZES["cpu"])
        return [Settings(batch_size=size, threads=threads)]

    def open(self, settings: Settings) -> EagerRuntime:
        """Compiled at the first batch."""
        network = compiled(self._classifier, dynamic=False, fullgraph=True, backend=self._backend)
        return EagerRuntime(network, settings.batch_size, self._device)
