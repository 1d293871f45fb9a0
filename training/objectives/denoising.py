"""The loss of pre-training: rebuild the clean image from its corrupted copy."""

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from training.config import CorruptionConfig
from training.engine.shares import Batch
from training.network.autoencoder import DenoisingMaskedAutoencoder
from training.objectives.corruption import add_noise, noise_levels


def denoising_loss(
    network: nn.Module, batch: Batch, corruption: CorruptionConfig
) -> Float[Tensor, ""]:
    """Mean squared error of the rebuilt patches: noise on [0, 1] pixels first, then a fresh mask.

    Over all patches or the hidden ones, as the corruption says; against the clean image.
    """
    model, generator = cast(DenoisingMaskedAutoencoder, network), batch.generator
    levels = noise_levels(corruption, len(batch.pixels), generator=generator)
    noisy = add_noise(batch.pixels, sigma=levels, generator=generator)
    patches = model.pos_embed.shape[1] - 1
    scores = torch.rand(len(noisy), patches, generator=generator, device=batch.pixels.device)
    hidden = model.hidden(scores) if corruption.loss_on == "masked" else None
    return model.loss(model(noisy, scores), batch.pixels, hidden=hidden)
