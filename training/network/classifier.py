"""The classifier that is fine-tuned: a vision transformer that normalises its own input."""

from pathlib import Path
from typing import cast

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from model_store.classifier import build_vit
from training.config import FinetuneConfig
from training.engine import checkpoints
from training.errors import BadCheckpoint
from training.network.autoencoder import initialise
from training.network.pos_embed import sin_cos_2d
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
