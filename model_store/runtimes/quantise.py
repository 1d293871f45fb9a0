"""From a float32 classifier to a graph in int8, a model of its own.

Every scale is a constant, from the calibration: one computed from the batch at hand would make a
row's logits depend on its neighbours. What gains nothing from int8 (attention's softmax, the
normalisations) stays float32.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_store import checkpoint
from model_store.card import ModelCard
from model_store.classifier import Classifier, load_plain
from model_store.runtimes.checks import logits_of, probe
from model_store.runtimes.contract import Settings
from model_store.runtimes.imports import import_silently
from model_store.runtimes.openvino import OpenVinoKind, converted


def quantise(
    classifier: Classifier, calibration: Sequence[NDArray[np.float32]]
) -> dict[str, Tensor]:
    """The tensors of a quantised file: graph and weights as bytes, and its logits of the probe.

    Args:
        classifier: Of torch's own layers, float32, in eval mode (`load_plain`).
        calibration: Batches of shape (batch, 3, size, size): training images under the noise that
            the model will see. A few hundred images are enough.

    Raises:
        ImportError: nncf or OpenVINO is not installed.
    """
    nncf: Any = import_silently("nncf")
    logging.getLogger("nncf").setLevel(logging.ERROR)  # it reports its progress image by image
    model = nncf.quantize(
        converted(classifier),
        nncf.Dataset(calibration),
        subset_size=len(calibration),
        model_type=nncf.ModelType.TRANSFORMER,
        preset=nncf.QuantizationPreset.MIXED,
    )
    kind = OpenVinoKind(model, size=classifier.size, precision="int8")
    logits = logits_of(kind.open(Settings(batch_size=8)), probe(classifier.size))
    return {**_serialised(model), "logits": logits}


def quantise_model(
    card: ModelCard,
    directory: Path,
    calibration: Sequence[NDArray[np.float32]],
    *,
    model_id: str,
    target: Path,
) -> ModelCard:
    """Writes the quantised weights of a model, and gives the card to be written beside them.

    Speed on the card is still the float32 model's, to be measured, and there are no evaluations,
    since this is another classifier.

    Args:
        card: Of the float32 model.
        directory: Where its weights file is.
        calibration: As for `quantise`.
        model_id: Of the new model.
        target: Its directory, which exists.
    """
    file = target / "weights.safetensors"
    digest = checkpoint.save(file, quantise(load_plain(card, directory), calibration))
    weights = replace(
        card.weights,
        file=file.name,
        sha256=digest,
        num_bytes=file.stat().st_size,
        stored_as="int8",
        precision="int8",
    )
    note = (
        f"Quantised from {card.id}, weights {card.weights.sha256}, by static post-training "
        f"quantisation calibrated on {sum(map(len, calibration))} noisy images."
    )
    provenance = replace(card.provenance, notes=(*card.provenance.notes, note))
    return replace(card, id=model_id, weights=weights, evaluations=(), provenance=provenance)


def _serialised(model: Any) -> dict[str, Tensor]:
    openvino: Any = import_silently("openvino")
    with TemporaryDirectory() as folder:
        graph = Path(folder) / "model.xml"
        openvino.save_model(model, graph, compress_to_fp16=False)
        files = {"graph": graph, "weights": graph.with_suffix(".bin")}
        return {
            name: torch.from_numpy(np.fromfile(path, dtype=np.uint8))  # pyright: ignore[reportUnknownMemberType]
            for name, path in files.items()
        }
