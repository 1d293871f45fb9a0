"""CUDA: compiled for one batch shape and replayed as a graph, in the card's precision."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from model_store.classifier import Classifier
from model_store.compiling import compiled
from model_store.runtimes.contract import Settings

BATCH_SIZE = 256
_WARM_UPS = 3


class CudaKind:
    """A classifier on a CUDA device; in bfloat16 after the noise where its card says so."""

    name = "cuda"

    def __init__(self, classifier: Classifier, device: torch.device) -> None:
        self._classifier, self._device = classifier, device
        self.versions = {
            "torch": torch.__version__,
            "cuda": torch.version.cuda or "",
            "gpu": torch.cuda.get_device_name(device),
        }

    def candidates(self, threads: int) -> Sequence[Settings]:
        """One batch size, since compiling takes a minute."""
        return [Settings(batch_size=BATCH_SIZE, threads=threads)]

    def open(self, settings: Settings) -> "CudaRuntime":
        """Compiles, then records the graph."""
        size = self._classifier.size
        rows = torch.zeros((settings.batch_size, 3, size, size), device=self._device)
        return CudaRuntime(compiled(self._classifier, dynamic=False, fullgraph=True), rows)


class CudaRuntime:
    """Replays one graph; batches queue on the current stream.

    Args:
        network: Rows to logits.
        rows: Memory of the graph's input, the static batch.
    """

    @torch.inference_mode()
    def __init__(self, network: Callable[[Tensor], Tensor], rows: Tensor) -> None:
        self.batch_size, self.device, self.depth = len(rows), rows.device, 2
        self._rows = rows
        # TF32 would be another function than float32.
        with torch.cuda.device(rows.device), torch.backends.cudnn.flags(allow_tf32=False):
            beside = torch.cuda.Stream()
            beside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(beside):
                for _ in range(_WARM_UPS):
                    network(rows)
            torch.cuda.current_stream().wait_stream(beside)
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._logits = network(rows)

    @torch.inference_mode()
    def start(self, rows: Tensor) -> Callable[[], Tensor]:
        """Queues the batch; the next one overwrites the graph's logits, hence the copy."""
        self._rows.copy_(rows, non_blocking=True)
        self._graph.replay()
        logits = self._logits.clone()
        return lambda: logits
