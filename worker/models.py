"""The classifiers of this process: loaded once, checked, and measured."""

import logging
from dataclasses import dataclass, field
from pathlib import Path

import torch

from jobs.keys import model_ref
from jobs.record import ModelRef, WorkerModel
from model_store.card import ModelCard
from model_store.classifier import load_classifier
from model_store.errors import ModelStoreError
from model_store.registry import Registry
from smoothing.errors import SmoothingError
from smoothing.sampler import Sampler

logger = logging.getLogger(__name__)

BATCH_SIZES = {"cpu": (16, 32, 64, 128), "cuda": (128, 256, 512, 1024)}
WORTH_DOUBLING = 1.05
"""A larger batch must be this much faster: smaller ones share better and waste less."""


def choose_device(wanted: str) -> str:
    """The device to run on; "auto" is the first CUDA device, else the CPU."""
    if wanted != "auto":
        return wanted
    return "cuda:0" if torch.cuda.is_available() else "cpu"


def describe_device(device: str) -> str:
    """The device with its product's name, where it has one."""
    if device.startswith("cuda"):
        return f"{device} {torch.cuda.get_device_name(device)}"
    return device


@dataclass(slots=True)
class Models:
    """What became of each model of this process.

    Attributes:
        samplers: Of those that can be drawn from, by id.
        refs: What each is, as jobs name it.
        info: What the heartbeat says of each.
    """

    samplers: dict[str, Sampler] = field(default_factory=dict[str, Sampler])
    refs: dict[str, ModelRef] = field(default_factory=dict[str, ModelRef])
    info: dict[str, WorkerModel] = field(default_factory=dict[str, WorkerModel])

    def problem(self, wanted: ModelRef) -> str | None:
        """Why a job's model cannot be drawn from here, or None."""
        known = self.info.get(wanted.id)
        if known is None:
            return f"model {wanted.id} is not in this worker's store"
        if known.problem is not None:
            return known.problem
        if self.refs[wanted.id].function_sha256 != wanted.function_sha256:
            return f"model {wanted.id} is not the one that the job was submitted for"
        return None


def load_models(
    store: Path,
    ids: tuple[str, ...],
    *,
    device: str,
    batch_sizes: tuple[int, ...] = (),
    measure_s: float = 0.5,
) -> Models:
    """Load and measure models; one that cannot be used is kept with its problem.

    Args:
        store: Directory of the models.
        ids: Which to load.
        device: Where to run them.
        batch_sizes: To choose from; by the kind of device where empty.
        measure_s: Seconds to measure each.
    """
    registry, models = Registry(store), Models()
    sizes = batch_sizes or BATCH_SIZES.get(device.split(":", maxsplit=1)[0], BATCH_SIZES["cpu"])
    for model_id in ids:
        try:
            card = registry.get(model_id)
            _add(models, card, registry.path(model_id), device=device, sizes=sizes, s=measure_s)
        except (ModelStoreError, SmoothingError) as error:
            logger.exception("model unusable", extra={"model": model_id})
            models.info[model_id] = WorkerModel(
                id=model_id,
                weights_sha256="",
                draws_per_s=None,
                batch_size=None,
                problem=f"model {model_id} cannot be used: {type(error).__name__}",
            )
    return models


def _add(
    models: Models,
    card: ModelCard,
    directory: Path,
    *,
    device: str,
    sizes: tuple[int, ...],
    s: float,
) -> None:
    ref = model_ref(card)
    classifier = load_classifier(card, directory, device=device)
    best: tuple[float, Sampler] | None = None
    for size in sorted(sizes):
        sampler = Sampler(
            classifier,
            num_classes=ref.num_classes,
            input_shape=(3, card.preprocessing.size, card.preprocessing.size),
            batch_size=size,
            device=device,
        )
        speed = sampler.measure(seconds=s)
        if best is None or speed > best[0] * WORTH_DOUBLING:
            best = speed, sampler
    if best is None:
        raise ValueError("at least one batch size is needed")
    speed, sampler = best
    models.samplers[card.id], models.refs[card.id] = sampler, ref
    models.info[card.id] = WorkerModel(
        id=card.id,
        weights_sha256=ref.weights_sha256,
        draws_per_s=round(speed, 1),
        batch_size=sampler.batch_size,
    )
    logger.info(
        "model ready",
        extra={"model": card.id, "draws_per_s": round(speed), "batch_size": sampler.batch_size},
    )
