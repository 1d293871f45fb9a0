"""Fine-tuning of a classifier under noise, from a configuration to a run directory."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from training.config import FinetuneConfig
from training.data import ImageSet
from training.engine.optim import POSITIONS_AND_TOKENS, parameter_groups
from training.engine.start import Task, start
from training.network.classifier import NormalisedClassifier, build_classifier
from training.objectives.classification import noisy_loss
from training.objectives.corruption import add_noise
from training.streams import stream


def finetune(config: FinetuneConfig, out: Path, *, origin: Mapping[str, Any] | None = None) -> None:
    """Fine-tunes, or resumes, in the directory `out`.

    Args:
        config: What to do.
        out: Run directory; a run of the same configuration there is resumed.
        origin: How the run was asked for; recorded, and named in an exported card.

    Raises:
        BadData: The image folder cannot be trained on.
        BadCheckpoint: The run to start from does not fit.
        ConfigDiffers: `out` holds a run of another configuration.
        TrainingError: See `start` for the others.
    """
    start(finetuning(config), config, out, origin=origin)


def finetuning(config: FinetuneConfig) -> Task:
    """What the command trains: a classifier, to answer rightly and alike under noise."""
    return Task(
        title="finetune",
        build=lambda classes: build_classifier(config, classes),
        groups=lambda model: classifier_groups(model, config),
        loss=lambda network, batch: noisy_loss(network, batch, config),
        validate=lambda network, images, index: noisy_accuracy(network, images, index, config),
    )


def classifier_groups(model: NormalisedClassifier, config: FinetuneConfig) -> list[dict[str, Any]]:
    """The classifier's parameters, each layer slower than the one above it."""
    return parameter_groups(
        model.vit.named_parameters(),
        depth=config.architecture.depth,
        weight_decay=config.optim.weight_decay,
        layer_decay=config.optim.layer_decay,
        never_decayed=POSITIONS_AND_TOKENS,
    )


@torch.inference_mode()
def noisy_accuracy(
    network: nn.Module, images: ImageSet, index: NDArray[np.int64], config: FinetuneConfig
) -> dict[str, float]:
    """Accuracy on one noisy copy of each held-out image, always the same noise."""
    if not len(index):
        return {}
    device, right, total_loss = config.loop.device, 0, 0.0
    for number, first in enumerate(range(0, len(index), 250)):
        chosen = index[first : first + 250]
        labels = torch.from_numpy(images.labels[chosen]).to(device)
        generator = stream(config.loop.seed, "validation", number, device=device)
        pixels = images.pixels(chosen).to(device)
        logits = network(add_noise(pixels, sigma=config.sigma, generator=generator))
        right += int((logits.argmax(dim=-1) == labels).sum())
        total_loss += float(functional.cross_entropy(logits, labels, reduction="sum"))
    return {"noisy_accuracy": right / len(index), "noisy_loss": total_loss / len(index)}
