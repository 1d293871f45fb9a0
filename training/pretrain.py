"""DMAE pre-training, from a configuration to a run directory."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.config import PretrainConfig
from training.data import ImageSet, open_images, split
from training.engine.loop import Run, execute, open_run_directory, set_threads
from training.engine.optim import build_optimizers, parameter_groups
from training.engine.precision import use_plain_attention
from training.engine.shares import Batch
from training.network.autoencoder import DenoisingMaskedAutoencoder
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


def pretrain(config: PretrainConfig, out: Path, *, origin: Mapping[str, Any] | None = None) -> None:
    """Pre-trains, or resumes, in the directory `out`.

    Args:
        config: What to do.
        out: Run directory; a run of the same configuration there is resumed.
        origin: How the run was asked for; recorded, and named in an exported card.

    Raises:
        BadData: The image folder cannot be trained on.
        ConfigDiffers: `out` holds a run of another configuration.
    """
    set_threads(config.loop)
    images = open_images(config.data, size=config.architecture.image_size)
    open_run_directory(out, config, origin or {})
    parts = split(len(images.labels), every=config.data.validation_every)
    model = build_autoencoder(config).to(config.loop.device)
    use_plain_attention(model)
    groups = parameter_groups(
        model.named_parameters(),
        depth=config.architecture.depth,
        weight_decay=config.optim.weight_decay,
        layer_decay=1.0,
    )
    held_out = parts.validation[:VALIDATION_IMAGES]

    def loss(network: nn.Module, batch: Batch) -> Tensor:
        return denoising_loss(network, batch, config.corruption)

    def validate(network: nn.Module) -> dict[str, float]:
        return _validate(network, images, held_out, config) if len(held_out) else {}

    execute(
        Run(
            title="pretrain",
            out=out,
            model=model,
            optimizers=build_optimizers(groups, config.optim),
            loss=loss,
            images=images,
            candidates=parts.train,
            steps=config.loop.total_steps(len(parts.train)),
            data=config.data,
            optim=config.optim,
            loop=config.loop,
            validate=validate,
        )
    )


@torch.inference_mode()
def _validate(
    network: nn.Module, images: ImageSet, index: NDArray[np.int64], config: PretrainConfig
) -> dict[str, float]:
    device = config.loop.device
    batch = Batch(
        pixels=images.pixels(index).to(device),
        labels=torch.from_numpy(images.labels[index]).to(device),
        generator=stream(config.loop.seed, "validation", device=device),
    )
    return {"loss": denoising_loss(network, batch, config.corruption).item()}
