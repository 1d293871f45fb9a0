"""Checkpoints of other projects, and what has to be stated of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model_store.card import Architecture
from training.config import DecoderConfig, ImportConfig
from training.import_weights import import_weights

Weights = Callable[..., dict[str, Tensor]]
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616)
CLASSIFIER: dict[str, Any] = {
    "sigma": 0.5,
    "normalisation": "cifar10",
    "labels": "10",
    "num_heads": 3,
    "size": 16,
}
PRETRAINING: dict[str, Any] = {
    "objective": "dmae",
    "sigma": 0.25,
    "normalisation": "imagenet",
    "num_heads": 3,
    "decoder_num_heads": 2,
}
PRETRAINING_OF = {
    "pretraining": PRETRAINING,
    "encoder": {"objective": "mae", "normalisation": "imagenet", "num_heads": 3},
}
SHAPE = Architecture(image_size=16, patch_size=4, embed_dim=24, depth=2, num_heads=3)
DECODER = DecoderConfig(embed_dim=16, depth=1, num_heads=2)


def take(file: Path, run: Path, **stated: Any) -> Path:
    return import_weights(ImportConfig(file=file, out=run, **stated)).run


def written(path: Path, weights: dict[str, Tensor], **others: Any) -> Path:
    torch.save({"model": weights, **others}, path)
    return path
