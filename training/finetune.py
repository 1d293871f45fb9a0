"""Fine-tuning of a classifier under noise, from a configuration to a run directory."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional

from model_store.classifier import build_vit
from training import checkpoints
from training.config import FinetuneConfig
from training.data import ImageSet, as_pixels, fetch, open_images, split
from training.dmae import initialise
from training.errors import BadCheckpoint
from training.loop import Run, execute, open_run_directory, set_threads
from training.losses import add_noise, consistency
from training.optim import POSITIONS_AND_TOKENS, build_optimizers, parameter_groups
from training.pos_embed import sin_cos_2d
from training.precision import use_plain_attention
from training.shares import Batch
from training.streams import stream

FRESH = frozenset({"head.weight", "head.bias", "fc_norm.weight", "fc_norm.bias"})
ENCODER = ("cls_token", "pos_embed", "patch_embed.", "blocks.")


class NormalisedClassifier(nn.Module):
    """A vision transformer that takes [0, 1] pixels with noise; it normalises them itself.

    Args:
        vit: The network behind the normalisation; its parameter names are the checkpoint's.
        mean: Channel means of [0, 1] pixels.
        std: Channel standard deviations of [0, 1] pixels.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, vit: VisionTransformer, *, mean: tuple[float, ...], std: tuple[float, ...]
    ) -> None:
        super().__init__()
        self.vit = vit
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits, (batch, classes)."""
        return self.vit(
            ((pixels - self.mean) / self.std).to(self.vit.patch_embed.proj.weight.dtype)
        )


def build_classifier(config: FinetuneConfig, num_classes: int) -> NormalisedClassifier:
    """The classifier a fine-tuning starts from: pre-trained where `init` says so.

    Raises:
        BadCheckpoint: The run at `init` does not fit the architecture.
    """
    vit = build_vit(config.architecture, num_classes, drop_path=config.drop_path)
    generator = stream(config.loop.seed, "weights")
    initialise(vit, generator)
    nn.init.trunc_normal_(cast(nn.Linear, vit.head).weight, std=2e-5, generator=generator)
    shape = config.architecture
    positions = sin_cos_2d(shape.embed_dim, shape.image_size // shape.patch_size)
    vit.pos_embed = nn.Parameter(positions)
    if config.init is not None:
        load_pretrained(vit, config.init)
    return NormalisedClassifier(vit, mean=config.data.mean, std=config.data.std)


def load_pretrained(vit: VisionTransformer, run: Path) -> None:
    """Takes a run's weights over: a pre-training's encoder, or a whole fine-tuned classifier.

    Raises:
        BadCheckpoint: A tensor is missing or has another shape; names it.
    """
    tensors = checkpoints.load_weights(run)
    if any(name.startswith("vit.") for name in tensors):
        wanted = {name.removeprefix("vit."): value for name, value in tensors.items()}
    else:
        wanted = {name: value for name, value in tensors.items() if name.startswith(ENCODER)}
    try:
        missing, unexpected = vit.load_state_dict(wanted, strict=False)
    except RuntimeError as error:
        raise BadCheckpoint(f"{run} does not fit the architecture: {error}") from error
    strangers = sorted((set(missing) - FRESH) | set(unexpected))
    if strangers:
        raise BadCheckpoint(f"{run} does not fit the architecture: {', '.join(strangers)}")


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
    images = open_images(
        config.data.path, size=config.architecture.image_size, cache=config.data.cache
    )
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
            data=config.data,
            optim=config.optim,
            loop=config.loop,
            validate=validate,
        )
    )


def noisy_loss(network: nn.Module, batch: Batch, config: FinetuneConfig) -> Tensor:
    """Cross-entropy of every noisy view, plus the consistency term between an image's views."""
    views = batch.pixels.repeat(config.views, 1, 1, 1)
    noisy = add_noise(views, sigma=config.sigma, generator=batch.generator)
    logits = network(noisy).float()
    loss = functional.cross_entropy(
        logits, batch.labels.repeat(config.views), label_smoothing=config.label_smoothing
    )
    if config.consistency == 0.0:
        return loss
    by_view = logits.view(config.views, len(batch.labels), -1)
    return loss + consistency(by_view, weight=config.consistency, entropy=config.entropy)


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
        pixels = as_pixels(fetch(images.images, chosen)).to(device)
        logits = network(add_noise(pixels, sigma=config.sigma, generator=generator))
        right += int((logits.argmax(dim=-1) == labels).sum())
        total_loss += float(functional.cross_entropy(logits, labels, reduction="sum"))
    return {"noisy_accuracy": right / len(index), "noisy_loss": total_loss / len(index)}
