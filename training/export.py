"""The command `export`: a run as a model in a store, or as a file for other projects."""

import logging
from dataclasses import replace
from pathlib import Path

from model_store.card import ModelCard, dump_card
from model_store.classifier import load_classifier
from model_store.registry import CARD_FILE
from smoothing.sampler import Sampler
from training.config import ExportConfig
from training.exchange.cards import write_model
from training.exchange.formats import write_official, write_timm

logger = logging.getLogger(__name__)

MEASURE_BATCH = 20


def export(config: ExportConfig) -> Path:
    """Writes what the format asks for; the model's directory in the store, or the file.

    Raises:
        BadCheckpoint: The run is not what the format needs, or has no checkpoint.
        BadConfig: The file's name does not go with the format.
        CardInvalid: The id or another value is outside what a card allows.
    """
    if config.format == "ours":
        target = _to_store(config)
        logger.info("exported %s", target)
        return target
    if config.format == "official":
        path = config.out or config.run / "official.pth"
        layout = write_official(config.run, path)
    else:
        path = config.out or config.run / "timm.safetensors"
        layout = write_timm(config.run, path)
    logger.info("exported %s: %s", path, layout)
    return path


def _to_store(config: ExportConfig) -> Path:
    card = write_model(config, draws_per_s=1.0)
    target = config.store / card.id
    speed = _measure(card, target, config.measure_s)
    dump_card(replace(card, draws_per_s=speed), target / CARD_FILE)
    return target


def _measure(card: ModelCard, target: Path, seconds: float) -> float:
    size = card.preprocessing.size
    sampler = Sampler(
        load_classifier(card, target),
        num_classes=card.num_classes,
        input_shape=(3, size, size),
        batch_size=MEASURE_BATCH,
    )
    return round(sampler.measure(seconds=seconds), 1)
