"""OpenVINO on a CPU: float32, bfloat16, or a graph that was quantised to int8.

The precision is always asked for: left to itself the CPU plugin takes bfloat16 where the processor
has it. Activations are never quantised by what a batch holds, which would couple its rows. With
that, logits were equal to the last bit for all batch sizes, streams and threads that were tried
(1 to 128, 1 and 2).
"""

import warnings
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from model_store.card import Precision
from model_store.classifier import Classifier
from model_store.errors import RuntimeRefused
from model_store.runtimes.contract import Settings
from model_store.runtimes.imports import import_silently

# What is not quantised in an int8 graph is computed in float32.
_HINTS = {"float32": "f32", "bfloat16": "bf16", "int8": "f32"}


class OpenVinoKind:
    """A graph, not yet compiled for a batch shape.

    Args:
        model: An `openvino.Model` that takes batches of any size.
        size: Side of its images.
        precision: Of the card.

    Raises:
        RuntimeRefused: The processor computes bfloat16 in float32, which is another function.
    """

    name = "openvino"

    def __init__(self, model: Any, *, size: int, precision: Precision) -> None:
        openvino: Any = import_silently("openvino")
        self._core: Any = openvino.Core()
        self._model, self._size, self._precision = model, size, precision
        self.versions = {"openvino": str(openvino.__version__).split("-")[0]}
        capabilities: list[str] = self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if precision == "bfloat16" and "BF16" not in capabilities:
            raise RuntimeRefused("this processor has no bfloat16", reason="failed")

    def candidates(self, threads: int) -> Sequence[Settings]:
        """A stream a thread first: cores that need not wait for each other."""
        many = [Settings(batch_size=b, streams=threads, threads=threads) for b in (32, 64, 16)]
        one = [Settings(batch_size=64, streams=1, threads=threads)] if threads > 1 else []
        return many + one

    def open(self, settings: Settings) -> "OpenVinoRuntime":
        """Compiles for the batch shape."""
        model = self._model.clone()
        model.reshape([settings.batch_size, 3, self._size, self._size])
        compiled = self._core.compile_model(
            model,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": _HINTS[self._precision],
                "NUM_STREAMS": settings.streams,
                "INFERENCE_NUM_THREADS": settings.threads,
                "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,
                # Pinned, the threads of several workers would share the first cores of the machine.
                "ENABLE_CPU_PINNING": False,
            },
        )
        return OpenVinoRuntime(compiled, settings)


class OpenVinoRuntime:
    """A compiled graph and requests to run it with."""

    def __init__(self, compiled: Any, settings: Settings) -> None:
        self.batch_size, self.device = settings.batch_size, torch.device("cpu")
        self.depth = settings.streams + 1  # one waits, so that no stream does
        self._compiled = compiled
        self._idle: deque[Any] = deque()

    def start(self, rows: Tensor) -> Callable[[], Tensor]:
        """Starts a batch on the next stream that is free.

        A request has memory of its own, so that one that is never waited for harms nothing.
        """
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._compiled.create_infer_request()
        np.copyto(request.get_input_tensor().data, rows.numpy())
        request.start_async()

        def finish() -> Tensor:
            request.wait()
            logits = torch.tensor(request.get_output_tensor().data)
            self._idle.append(request)
            return logits

        return finish


def converted(classifier: Classifier) -> Any:
    """The OpenVINO model of a classifier of torch's own layers, for batches of any size."""
    openvino: Any = import_silently("openvino")
    example = torch.zeros((2, 3, classifier.size, classifier.size))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer's, about shapes that are constant here
        # Traced here because OpenVINO would trace twice, to compare.
        traced = cast("Any", torch.jit).trace(classifier, example, check_trace=False)
        return openvino.convert_model(traced, example_input=example)


def unpacked(tensors: Mapping[str, Tensor]) -> Any:
    """The OpenVINO model of a quantised file: its graph and its weights."""
    openvino: Any = import_silently("openvino")
    weights = openvino.Tensor(tensors["weights"].numpy())
    return openvino.Core().read_model(model=tensors["graph"].numpy().tobytes(), weights=weights)
