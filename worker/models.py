"""The classifiers of this process: loaded once, each with its runtime, and measured."""

import logging
from dataclasses import dataclass, field
from pathlib import Path

import torch

from jobs.keys import model_ref
from jobs.record import JobSpec, Maker, ModelRef, WorkerModel
from model_store.errors import ModelStoreError, RuntimeRefused
from model_store.registry import Registry
from model_store.runtimes import Fallback, Wishes, open_runtime
from smoothing.errors import SmoothingError
from smoothing.sampler import Sampler
from worker.settings import WorkerSettings

logger = logging.getLogger(__name__)

MEASURE_S = 0.5


def choose_device(wanted: str) -> str:
    """The device to run on; "auto" is the first CUDA device, else the CPU."""
    if wanted != "auto":
        return wanted
    return "cuda:0" if torch.cuda.is_available() else "cpu"


def wishes_of(settings: WorkerSettings) -> Wishes:
    """What the settings of a process want to run its models, and where."""
    return Wishes(
        name=settings.runtime,
        device=choose_device(settings.device),
        batch_size=settings.batch_size,
        streams=settings.streams,
        threads=settings.torch_threads,
        cache=settings.cache_dir,
        warm_up_s=settings.warm_up_s,
    )


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

    def maker(self, spec: JobSpec) -> Maker:
        """What makes a job's votes here; its model must be without a problem."""
        model_id = spec.model.id
        return Maker(
            runtime=self.info[model_id].runtime or "",
            noise_scheme=self.samplers[model_id].noise_scheme(spec.params.numerics),
        )


def load_models(store: Path, ids: tuple[str, ...], wishes: Wishes) -> Models:
    """Load and measure models; one that cannot be used is kept with its problem.

    Args:
        store: Directory of the models.
        ids: Which to load.
        wishes: What is to run them, and where.
    """
    registry, models = Registry(store), Models()
    for model_id in ids:
        try:
            _add(models, registry, model_id, wishes)
        except (ModelStoreError, SmoothingError) as error:
            logger.exception("model unusable", extra={"model": model_id})
            models.info[model_id] = WorkerModel(
                id=model_id,
                weights_sha256="",
                draws_per_s=None,
                batch_size=None,
                problem=f"model {model_id} cannot be used: {_told(error)}",
            )
    return models


def _add(models: Models, registry: Registry, model_id: str, wishes: Wishes) -> None:
    card = registry.get(model_id)
    opened = open_runtime(card, registry.path(model_id), wishes)
    sampler = Sampler(
        opened.runtime,
        num_classes=card.num_classes,
        input_shape=(3, card.preprocessing.size, card.preprocessing.size),
        batch_size=opened.runtime.batch_size,
    )
    speed = sampler.measure(seconds=min(MEASURE_S, wishes.warm_up_s))
    ref = model_ref(card)
    models.samplers[card.id], models.refs[card.id] = sampler, ref
    models.info[card.id] = WorkerModel(
        id=card.id,
        weights_sha256=card.weights.sha256,
        draws_per_s=round(speed, 1),
        batch_size=sampler.batch_size,
        runtime=opened.info.summary,
        warning=opened.fallback and _warning(card.id, opened.fallback),
        function_sha256=ref.function_sha256,
    )
    logger.info("model %s ready: %s, %.0f draws/s", card.id, opened.info.summary, speed)


def _told(error: Exception) -> str:
    """A kind of error; its text, which may name files of this machine, is for the log."""
    reason = f", {error.reason}" if isinstance(error, RuntimeRefused) else ""
    return f"{type(error).__name__}{reason}"


def _warning(model_id: str, fallback: Fallback) -> str:
    return (
        f"model {model_id} runs in eager torch, which may be slower: {fallback.wanted} was refused "
        f"({fallback.reason})"
    )
