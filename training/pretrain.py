"""DMAE pre-training, from a configuration to a run directory."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from training.config import PretrainConfig
from training.data import ImageSet
from training.engine.optim import parameter_groups
from training.engine.shares import Batch
from training.engine.start import Task, start
from training.network.autoencoder import DenoisingMaskedAutoencoder
from training.network.starting_weights import load_autoencoder
from training.objectives.denoising import denoising_loss
from training.streams import stream

VALIDATION_IMAGES = 512


def build_autoencoder(config: PretrainConfig) -> DenoisingMaskedAutoencoder:
    """The autoencoder of a configuration, with fresh weights from its seed."""
    return DenoisingMaskedAutoencoder(
        config.architecture,
        config.decoder,
        mean=config.data.mean,
        std=config.data.std,
        mask_ratio=config.corruption.mask_ratio,
        norm_pix=config.corruption.norm_pix,
        generator=stream(config.loop.seed, "weights"),
    )


def starting_autoencoder(config: PretrainConfig) -> DenoisingMaskedAutoencoder:
    """The autoencoder that a run starts from: that of another run, where `init` names one.

    Raises:
        BadCheckpoint: The run at `init` does not fit.
    """
    model = build_autoencoder(config)
    if config.init is not None:
        load_autoencoder(model, config.init, config)
    return model


def pretrain(config: PretrainConfig, out: Path, *, origin: Mapping[str, Any] | None = None) -> None:
    """Pre-trains, or resumes, in the directory `out`.

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
    start(pretraining(config), config, out, origin=origin)


def pretraining(config: PretrainConfig) -> Task:
    """What the command trains: an autoencoder, to rebuild the clean image."""
    return Task(
        title="pretrain",
        build=lambda _classes: starting_autoencoder(config),
        groups=lambda model: autoencoder_groups(model, config),
        loss=lambda network, batch: denoising_loss(network, batch, config.corruption),
        validate=lambda network, images, index: held_out_loss(network, images, index, config),
    )


def autoencoder_groups(model: nn.Module, config: PretrainConfig) -> list[dict[str, Any]]:
    """The autoencoder's parameters, all at one rate."""
    return parameter_groups(
        model.named_parameters(),
        depth=config.architecture.depth,
        weight_decay=config.optim.weight_decay,
        layer_decay=1.0,
    )


@torch.inference_mode()
def held_out_loss(
    network: nn.Module, images: ImageSet, index: NDArray[np.int64], config: PretrainConfig
) -> dict[str, float]:
    """The loss on the first held-out images, always with the same noise and masks."""
    chosen, device = index[:VALIDATION_IMAGES], config.loop.device
    if not len(chosen):
        return {}
    batch = Batch(
        pixels=images.pixels(chosen).to(device),
        labels=torch.from_numpy(images.labels[chosen]).to(device),
        generator=stream(config.loop.seed, "validation", device=device),
    )
    return {"loss": denoising_loss(network, batch, config.corruption).item()}
