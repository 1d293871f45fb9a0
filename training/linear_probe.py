"""Linear probe: what a frozen encoder knows, as a linear classifier reads it."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from training.config import ProbeConfig
from training.data import ImageSet
from training.engine.optim import parameter_groups
from training.engine.start import Task, start
from training.finetune import noisy_accuracy
from training.network.classifier import NormalisedClassifier, build_classifier
from training.objectives.classification import noisy_loss
from training.objectives.corruption import add_noise
from training.streams import stream

HEAD_STD = 0.01
CHUNK = 250


class MeasuredBatchNorm(nn.BatchNorm1d):
    """Batch normalisation with the statistics measured beforehand, in training too.

    Behind a frozen encoder the features' mean and variance are constants: there is nothing that a
    running average could follow, and no batch, share or process has statistics of its own.
    """

    def forward(self, input: Float[Tensor, "batch width"]) -> Float[Tensor, "batch width"]:  # noqa: A002
        """Standardised features."""
        return functional.batch_norm(input, self.running_mean, self.running_var, eps=self.eps)


def linear_probe(
    config: ProbeConfig, out: Path, *, origin: Mapping[str, Any] | None = None
) -> None:
    """Trains the head on the frozen encoder, or resumes, in the directory `out`.

    Args:
        config: What to do.
        out: Run directory; a run of the same configuration there is resumed.
        origin: How the run was asked for; recorded, and named in an exported card.

    Raises:
        BadData: The image folder cannot be trained on.
        BadCheckpoint: The run to start from does not fit.
        ConfigDiffers: `out` holds a run of another configuration.
    """
    plain = config.as_finetuning()
    task = Task(
        title="linear-probe",
        build=lambda classes: build_probe(config, classes),
        groups=lambda model: probe_groups(model, config),
        loss=lambda network, batch: noisy_loss(network, batch, plain),
        validate=lambda network, images, index: noisy_accuracy(network, images, index, plain),
        prepare=lambda model, images, index: measure_statistics(model, images, index, config),
    )
    start(task, config, out, origin=origin)


def probe_groups(model: NormalisedClassifier, config: ProbeConfig) -> list[dict[str, Any]]:
    """The head's parameters; the encoder's are frozen."""
    return parameter_groups(
        model.vit.named_parameters(),
        depth=config.architecture.depth,
        weight_decay=config.optim.weight_decay,
        layer_decay=1.0,
    )


def build_probe(config: ProbeConfig, num_classes: int) -> NormalisedClassifier:
    """The frozen encoder with a fresh head: batch normalisation, then one linear layer.

    Raises:
        BadCheckpoint: The run at `init` does not fit the architecture.

    Source:
        The linear probe of He et al. (2022) and Wu et al. (2023).
    """
    model = build_classifier(config.as_finetuning(), num_classes).requires_grad_(
        requires_grad=False
    )
    width = config.architecture.embed_dim
    linear = nn.Linear(width, num_classes)
    generator = stream(config.loop.seed, "probe")
    nn.init.trunc_normal_(linear.weight, std=HEAD_STD, generator=generator)
    nn.init.zeros_(linear.bias)
    head = nn.Sequential(MeasuredBatchNorm(width, eps=1e-6, affine=False), linear)
    setattr(model.vit, "head", head)  # noqa: B010 - timm declares a linear layer
    return model


def measure_statistics(
    model: NormalisedClassifier, images: ImageSet, index: NDArray[np.int64], config: ProbeConfig
) -> None:
    """Puts mean and variance of the noisy training images' features into the head.

    Args:
        model: A probe, as `build_probe` makes it.
        images: The decoded image folder.
        index: Training images; evenly spaced ones of them are looked at.
        config: Says how many, and under which noise.
    """
    chosen = index[:: math.ceil(len(index) / config.statistics_images)]
    features = noisy_features(model, images, chosen, config)
    head: Any = model.vit.head
    head[0].running_mean.copy_(features.mean(dim=0))
    head[0].running_var.copy_(features.var(dim=0))


@torch.no_grad()
def noisy_features(
    model: NormalisedClassifier, images: ImageSet, index: NDArray[np.int64], config: ProbeConfig
) -> Float[Tensor, "images width"]:
    """What the head sees of one noisy copy of each image, always the same noise."""
    device, seen = config.loop.device, []
    head, model.vit.head = model.vit.head, nn.Identity()
    for number, first in enumerate(range(0, len(index), CHUNK)):
        generator = stream(config.loop.seed, "statistics", number, device=device)
        pixels = images.pixels(index[first : first + CHUNK]).to(device)
        noisy = add_noise(pixels, sigma=config.sigma, generator=generator)
        seen.append(model.eval()(noisy).float())
    model.vit.head = head
    return torch.cat(seen)
