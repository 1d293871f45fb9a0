"""From a classifier's run to a model in a store: the weights, and a card that explains them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from model_store import checkpoint
from model_store.card import (
    Architecture,
    ModelCard,
    Preprocessing,
    Weights,
)
from model_store.evidence import Provenance
from training.config import ExportConfig
from training.config.checks import require
from training.engine import checkpoints
from training.engine.disk import room_for
from training.engine.run_directory import read_origin, read_settings
from training.errors import BadCheckpoint
from training.exchange.origins import (
    lineage,
    missing_start,
    portable_command,
    pretraining_in_words,
    schedule_in_words,
)
from training.exchange.placing import NEW_WEIGHTS, WEIGHTS_FILE, name_weights, put_card
from training.hardware import describe_hardware
from training.network.probe import fold_probe

PREFIX = "vit."
SIZES = {192: "tiny", 384: "small", 768: "base", 1024: "large", 1280: "huge"}
# As ImageNet is evaluated: the shorter side to 256, then the middle 224. Small images are whole.
CROPPED_FROM = 160
CROP = 224 / 256


def store_run(run: Path, store: Path, *, sigma: float | None = None) -> ModelCard:
    """Exports a classifier's run into a store, its speed not measured; the card.

    Args:
        run: Run directory of a fine-tuning or a linear probe.
        store: Store directory; the model is in the folder of the card's id.
        sigma: Noise level that the card states; None for the one trained under.

    Raises:
        BadCheckpoint: The run is no classifier, or has no checkpoint.
        BadConfig: The run was trained without noise and no sigma is given.
        CardInvalid: A value is outside what a card allows.
    """
    return write_model(ExportConfig(run=run, store=store, sigma=sigma))


def write_model(config: ExportConfig) -> ModelCard:
    """Writes weights and card of a run to `<store>/<id>/`, its speed not measured; the card.

    Args:
        config: Which run, where to, and what the card says.

    Raises:
        DiskFull: There is no room.
        Exception: See `write_weights` for the others.
    """
    card = write_weights(config)
    return put_card(card, config.store / card.id)


def write_weights(config: ExportConfig) -> ModelCard:
    """Writes the weights of a run to `<store>/<id>/`; the card that makes them the model.

    Args:
        config: Which run, where to, and what the card says.

    Raises:
        BadCheckpoint: The run is no classifier, or has no checkpoint.
        BadConfig: The run was trained without noise and no sigma is given.
        CardInvalid: A value is outside what a card allows.
        DiskFull: There is no room.
    """
    settings = read_settings(config.run)
    tensors = classifier_tensors(config.run)
    imported = "imported" in read_origin(config.run)
    stored_as = config.stored_as or ("float32" if imported else "float16")
    card = _card(config, settings)  # refused, if at all, before anything is written
    target = config.store / card.id
    target.mkdir(parents=True, exist_ok=True)
    path = target / NEW_WEIGHTS
    with room_for(target / WEIGHTS_FILE, needed=sum(tensor.nbytes for tensor in tensors.values())):
        sha256 = checkpoint.save(path, tensors, stored_as=stored_as)
    size = path.stat().st_size
    weights = replace(card.weights, sha256=sha256, num_bytes=size, stored_as=stored_as)
    return name_weights(replace(card, weights=weights), target)


def classifier_tensors(run: Path) -> dict[str, Tensor]:
    """Weights of a run's classifier under the names of timm's network, a probe folded.

    Raises:
        BadCheckpoint: The run is no classifier, or has no checkpoint.
    """
    tensors = checkpoints.load_weights(run)
    if not all(name.startswith(PREFIX) for name in tensors):
        raise BadCheckpoint(f"{run} is no fine-tuning: its checkpoint is not a classifier")
    return fold_probe({name.removeprefix(PREFIX): value for name, value in tensors.items()})


def default_id(run: Path, settings: Mapping[str, Any]) -> str:
    """A model id of the network's shape and the run's name, such as vit_tiny_patch4_32.fine."""
    shape = settings["architecture"]
    width = shape["embed_dim"]
    name = re.sub(r"[^a-z0-9]+", "-", run.resolve().name.lower()).strip("-") or "run"
    size = SIZES.get(width, f"{width}x{shape['depth']}")
    return f"vit_{size}_patch{shape['patch_size']}_{shape['image_size']}.{name}"


def _stated_sigma(config: ExportConfig, settings: Mapping[str, Any]) -> float:
    sigma = float(settings["sigma"] if config.sigma is None else config.sigma)
    require(
        sigma > 0,
        f"{config.run} was trained without noise, and a card states the noise to certify under: "
        "give --sigma",
    )
    return sigma


def _card(config: ExportConfig, settings: Mapping[str, Any]) -> ModelCard:
    """The card, but for what the weights' file is like, and for what is measured."""
    head = checkpoints.read_head(config.run) or {}
    return ModelCard(
        id=config.id or default_id(config.run, settings),
        description=config.description or _description(config.run, settings),
        architecture=Architecture(**settings["architecture"]),
        labels=tuple(head["classes"]),
        preprocessing=_preprocessing(settings),
        sigmas=(_stated_sigma(config, settings),),
        weights=Weights(file=WEIGHTS_FILE, sha256="0" * 64, num_bytes=1, stored_as="float32"),
        draws_per_s=1.0,
        measured_on=describe_hardware(),
        evaluations=(),
        provenance=_provenance(config),
        licence=config.licence or _licence(config.run),
    )


def _licence(run: Path) -> str:
    """This project's own, but of another's weights nobody has said it."""
    imported = [read_origin(each).get("imported") for each in lineage(run)]
    files = [each["file"] for each in imported if each]
    return f"not known: imported from {files[0]}" if files else "Apache-2.0"


def _description(run: Path, settings: Mapping[str, Any]) -> str:
    probed = settings["command"] == "linear-probe"
    how = "linear probe" if probed else "fine-tuned"
    before = pretraining_in_words(run)
    if before.startswith("imported"):
        return f"Vision transformer, {before}, for noise of sigma {settings['sigma']:g}."
    if before == "trained from scratch" and not probed:
        return f"Vision transformer, {before} at sigma {settings['sigma']:g}."
    return f"Vision transformer, {before}, {how} at sigma {settings['sigma']:g}."


def _preprocessing(settings: Mapping[str, Any]) -> Preprocessing:
    data = settings["data"]
    size = data.get("size") or settings["architecture"]["image_size"]
    return Preprocessing(
        size=size,
        resize="bicubic",
        resize_shorter=round(size / CROP) if size >= CROPPED_FROM else size,
        mean=_triple(data["mean"]),
        std=_triple(data["std"]),
    )


def _provenance(config: ExportConfig) -> Provenance:
    runs = lineage(config.run)
    heads = [checkpoints.read_head(run) or {} for run in runs]
    origins = [read_origin(run) for run in runs]
    machines = [str(origin["hardware"]) for origin in origins if "hardware" in origin]
    return Provenance(
        data=config.data or _data(config.run),
        commands=tuple(_command(run) for run in runs),
        schedule="; ".join(map(schedule_in_words, runs, heads)),
        hardware=" / ".join(dict.fromkeys(machines)) or "not known",
        wall_time_s=round(sum(float(head.get("seconds", 0.0)) for head in heads), 1),
        notes=(*config.notes, *_about_what_is_gone(config.run)),
    )


def _about_what_is_gone(run: Path) -> list[str]:
    gone = missing_start(run)
    if gone is None:
        return []
    return [f"The run {Path(gone).name}, from which it was started, was not there to be told of."]


def _command(run: Path) -> str:
    origin = read_origin(run)
    command = "import" if "imported" in origin else read_settings(run)["command"]
    return portable_command(origin, command, run)


def _data(run: Path) -> str:
    imported = read_origin(run).get("imported")
    if imported:
        return f"not known: imported from {imported['file']}"
    data = read_settings(run)["data"]
    if data.get("source", "folder") == "folder":
        return f"image folder {Path(data['path']).name!r}"
    return str(data["source"])


def _triple(values: Sequence[float]) -> tuple[float, float, float]:
    first, second, third = values
    return first, second, third
