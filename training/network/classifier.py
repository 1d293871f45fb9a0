"""The classifier that is fine-tuned: a vision transformer that normalises its own input."""

from typing import cast

import torch
from jaxtyping import Float
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from model_store.classifier import build_vit
from training.config import FinetuneConfig
from training.network.autoencoder import initialise
from training.network.pixels import network_input
from training.network.pos_embed import sin_cos_2d
from training.network.starting_weights import load_classifier
from training.streams import stream


class NormalisedClassifier(nn.Module):
    """A vision transformer that takes [0, 1] pixels with noise; it normalises them itself.

    Images of another size than the network's are resampled inside too, after the noise.

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
        self.image_size = cast(tuple[int, int], vit.patch_embed.img_size)[0]
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)

    def forward(self, pixels: Float[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch classes"]:
        """Logits."""
        images = network_input(pixels, size=self.image_size, mean=self.mean, std=self.std)
        return self.vit(images.to(self.vit.patch_embed.proj.weight.dtype))


def build_classifier(config: FinetuneConfig, num_classes: int) -> NormalisedClassifier:
    """The classifier a fine-tuning starts from: pre-trained where `init` says so.

    Raises:
        BadCheckpoint: The run at `init` does not fit; names the tensor and the fix.
    """
    vit = build_vit(config.architecture, num_classes, drop_path=config.drop_path)
    generator = stream(config.loop.seed, "weights")
    initialise(vit, generator)
    nn.init.trunc_normal_(cast(nn.Linear, vit.head).weight, std=2e-5, generator=generator)
    shape = config.architecture
    positions = sin_cos_2d(shape.embed_dim, shape.image_size // shape.patch_size)
    vit.pos_embed = nn.Parameter(positions)
    if config.init is not None:
        load_classifier(vit, config.init, config)
    return NormalisedClassifier(vit, mean=config.data.mean, std=config.data.std)
