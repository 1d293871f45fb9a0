"""Noisy training images, on which a quantised network learns its scales."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from model_store.card import ModelCard
from model_store.decoding import DecodedImage
from model_store.preprocessing import prepare
from training.config import DataConfig
from training.data import open_source
from training.engine.run_directory import read_settings
from training.errors import BadConfig
from training.streams import stream

IMAGES = 320
ROWS = 32


def calibration_batches(
    run: Path, card: ModelCard, *, path: Path | None = None
) -> list[NDArray[np.float32]]:
    """Batches of shape (rows, 3, size, size): images as the service sees them, under its noise.

    Args:
        run: Run directory; its training images are taken, evenly spread over the data set.
        card: Of the model; says how images are prepared, and the noise.
        path: Where the training images are now; None for where they were.

    Raises:
        BadData: The images are not there.
        BadConfig: The run does not tell what it was trained on, and there is no `path`.
    """
    source = open_source(_data_of(run, path))
    count = min(IMAGES, len(source.labels))
    index = np.linspace(0, len(source.labels) - 1, count).astype(np.int64)
    clean = np.stack([_prepared(np.asarray(source.read(int(at))), card) for at in index])
    noise = torch.randn(clean.shape, generator=stream(0, "calibration")).numpy()
    noisy = clean + np.float32(card.sigmas[0]) * noise
    return [noisy[at : at + ROWS] for at in range(0, count, ROWS)]


def _prepared(pixels: NDArray[np.uint8], card: ModelCard) -> NDArray[np.float32]:
    decoded = DecodedImage(pixels=pixels, max_value=255, record={})
    return prepare(decoded, card.preprocessing).tensor


def _data_of(run: Path, path: Path | None) -> DataConfig:
    try:
        config = TypeAdapter(DataConfig).validate_json(json.dumps(read_settings(run)["data"]))
    except (KeyError, ValidationError) as error:
        if path is None:
            message = f"{run} does not tell its training images: give --calibrate-on"
            raise BadConfig(message) from error
        config = DataConfig()
    return config if path is None else replace(config, path=path)
