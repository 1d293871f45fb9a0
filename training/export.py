"""From a fine-tuned run to a model in a store: the weights, and a card that explains them."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from model_store import checkpoint
from model_store.card import Architecture, ModelCard, Preprocessing, Weights, dump_card
from model_store.classifier import load_classifier
from model_store.evidence import Provenance
from model_store.registry import CARD_FILE
from smoothing.sampler import Sampler
from training.config import ExportConfig
from training.engine import checkpoints
from training.errors import BadCheckpoint
from training.hardware import describe_hardware

logger = logging.getLogger(__name__)

WEIGHTS_FILE = "weights.safetensors"
MEASURE_BATCH = 20
PREFIX = "vit."
# Where a reader would have what an option names.
FOLDERS = {"--data.path": "data/", "--init": "runs/"}


def export(config: ExportConfig) -> Path:
    """Writes `<store>/<id>/` with weights.safetensors and card.json; the directory.

    Raises:
        BadCheckpoint: The run is no fine-tuning, or has no checkpoint.
        CardInvalid: The id or another value is outside what a card allows.
    """
    settings = _settings(config.run)
    target = config.store / config.id
    target.mkdir(parents=True, exist_ok=True)
    weights = _write_weights(config, target)
    card = _card(config, settings, weights, draws_per_s=1.0)
    speed = _measure(card, target, config.measure_s)
    dump_card(replace(card, draws_per_s=speed), target / CARD_FILE)
    logger.info("exported %s", target)
    return target


def lineage(run: Path) -> list[Path]:
    """The run and those it was started from, the first one first."""
    settings = _settings(run)
    before = settings.get("init")
    return [*(lineage(Path(before)) if before else []), run]


def portable_command(origin: Mapping[str, Any], command: str, out: Path) -> str:
    """The command that a run was started with, its paths put where a reader would have them."""
    words = ["python -m training", command, "--recipe", str(origin.get("recipe", "unknown"))]
    words += ["--out", f"runs/{out.name}"]
    option = ""
    for word in origin.get("arguments", ()):
        option = word if word.startswith("--") else option
        if option == "--data.cache":
            continue
        folder = "" if word == option else FOLDERS.get(option, "")
        words.append(f"{folder}{Path(word).name}" if folder else word)
    return " ".join(words)


def _settings(run: Path) -> dict[str, Any]:
    path = run / "config.json"
    if not path.is_file():
        raise BadCheckpoint(f"{run} is no run directory: it has no config.json")
    return json.loads(path.read_text())


def _write_weights(config: ExportConfig, target: Path) -> Weights:
    tensors = _classifier_tensors(config.run)
    path = target / WEIGHTS_FILE
    sha256 = checkpoint.save(path, tensors, stored_as=config.stored_as)
    return Weights(
        file=WEIGHTS_FILE,
        sha256=sha256,
        num_bytes=path.stat().st_size,
        stored_as=config.stored_as,
    )


def _classifier_tensors(run: Path) -> dict[str, Tensor]:
    tensors = checkpoints.load_weights(run)
    if not all(name.startswith(PREFIX) for name in tensors):
        raise BadCheckpoint(f"{run} is no fine-tuning: its checkpoint is not a classifier")
    return {name.removeprefix(PREFIX): value for name, value in tensors.items()}


def _card(
    config: ExportConfig, settings: Mapping[str, Any], weights: Weights, *, draws_per_s: float
) -> ModelCard:
    architecture = Architecture(**settings["architecture"])
    head = checkpoints.read_head(config.run) or {}
    size = architecture.image_size
    return ModelCard(
        id=config.id,
        description=config.description
        or f"Vision transformer, DMAE pre-trained, fine-tuned at sigma {settings['sigma']:g}.",
        architecture=architecture,
        labels=tuple(head["classes"]),
        preprocessing=Preprocessing(
            size=size,
            resize="bicubic",
            resize_shorter=size,
            mean=_triple(settings["data"]["mean"]),
            std=_triple(settings["data"]["std"]),
        ),
        sigmas=(float(settings["sigma"]),),
        weights=weights,
        draws_per_s=draws_per_s,
        measured_on=describe_hardware(),
        evaluations=(),
        provenance=_provenance(config),
        licence=config.licence,
    )


def _provenance(config: ExportConfig) -> Provenance:
    runs = lineage(config.run)
    heads = [checkpoints.read_head(run) or {} for run in runs]
    origins = [_origin(run) for run in runs]
    settings = [_settings(run) for run in runs]
    return Provenance(
        data=config.data or f"image folder {Path(settings[-1]['data']['path']).name!r}",
        commands=tuple(
            portable_command(origin, each["command"], run)
            for origin, each, run in zip(origins, settings, runs, strict=True)
        ),
        schedule="; ".join(
            _describe(each, head) for each, head in zip(settings, heads, strict=True)
        ),
        hardware=" / ".join(dict.fromkeys(str(each.get("hardware")) for each in origins)),
        wall_time_s=round(sum(float(head.get("seconds", 0.0)) for head in heads), 1),
        notes=config.notes,
    )


def _describe(settings: Mapping[str, Any], head: Mapping[str, Any]) -> str:
    return (
        f"{settings['command']}: {head['step']} steps of {settings['loop']['batch_size']} images "
        f"({float(head['epochs']):.1f} epochs, {float(head['seconds']) / 60:.0f} minutes)"
    )


def _origin(run: Path) -> dict[str, Any]:
    path = run / "origin.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def _measure(card: ModelCard, target: Path, seconds: float) -> float:
    size = card.preprocessing.size
    sampler = Sampler(
        load_classifier(card, target),
        num_classes=card.num_classes,
        input_shape=(3, size, size),
        batch_size=MEASURE_BATCH,
    )
    return round(sampler.measure(seconds=seconds), 1)


def _triple(values: Sequence[float]) -> tuple[float, float, float]:
    first, second, third = values
    return first, second, third
