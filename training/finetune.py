"""Fine-tuning of a classifier under noise, from a configuration to a run directory."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from training.config import FinetuneConfig
from training.data import ImageSet, open_images, split
from training.engine.loop import Run, execute, open_run_directory, set_threads
from training.engine.optim import POSITIONS_AND_TOKENS, build_optimizers, parameter_groups
from training.engine.precision import use_plain_attention
from training.engine.shares import Batch
from training.network.classifier import build_classifier
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
    """
    set_threads(config.loop)
    images = open_images(config.data, size=config.architecture.image_size)
    model = build_classifier(config, len(images.classes)).to(config.loop.device)
    open_run_directory(out, config, origin or {})
    parts = split(len(images.labels), every=config.data.validation_every)
    use_plain_attention(model)
    groups = parameter_groups(
        model.vit.named_parameters(),
        depth=config.architecture.depth,
        weight_decay=config.optim.weight_decay,
        layer_decay=config.optim.layer_decay,
        never_decayed=POSITIONS_AND_TOKENS,
    )

    def loss(network: nn.Module, batch: Batch) -> Tensor:
        return noisy_loss(network, batch, config)

    def validate(network: nn.Module) -> dict[str, float]:
        return noisy_accuracy(network, images, parts.validation, config)

    execute(
        Run(
            title="finetune",
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
def noisy_accuracy(
    network: nn.Module, images: ImageSet, index: NDArray[np.int64], config: FinetuneConfig
) -> dict[str, float]:
    """Accuracy on one noisy copy of each held-out image, always the same noise."""
    if not len(index):
        return {}
    device, right, total_loss = config.loop.device, 0, 0.0
    for number, start in enumerate(range(0, len(index), 250)):
        chosen = index[start : start + 250]
        labels = torch.from_numpy(images.labels[chosen]).to(device)
        generator = stream(config.loop.seed, "validation", number, device=device)
        pixels = images.pixels(chosen).to(device)
        logits = network(add_noise(pixels, sigma=config.sigma, generator=generator))
        right += int((logits.argmax(dim=-1) == labels).sum())
        total_loss += float(functional.cross_entropy(logits, labels, reduction="sum"))
    return {"noisy_accuracy": right / len(index), "noisy_loss": total_loss / len(index)}
