"""The denoising masked autoencoder (DMAE).

Noise is added to [0, 1] pixels before the normalisation and never clipped; the loss is taken over
all patches, seen and hidden, against the clean image. Parameter names are those of the MAE family.

Source:
    Wu et al. (2023), Denoising Masked Autoencoders Help Robust Classification.
"""

from functools import partial
from typing import cast

import torch
from jaxtyping import Bool, Float
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from model_store.card import Architecture
from model_store.classifier import build_vit
from training.config import DecoderConfig
from training.network.masking import take_patches, visible_patches
from training.network.pixels import network_input
from training.network.pos_embed import sin_cos_2d

LayerNorm = partial(nn.LayerNorm, eps=1e-6)


class DenoisingMaskedAutoencoder(nn.Module):
    """Encoder of the visible noisy patches, and a small decoder of the whole clean image.

    Images of another size than the architecture's, noisy and clean alike, are resampled inside.

    Args:
        architecture: Shape of the encoder, the later classifier.
        decoder: Shape of the decoder.
        mean: Channel means of [0, 1] pixels.
        std: Channel standard deviations of [0, 1] pixels.
        mask_ratio: Share of the patches hidden from the encoder.
        norm_pix: Standardise each target patch by its own mean and (unbiased) variance.
        generator: Draws the fresh weights.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        architecture: Architecture,
        decoder: DecoderConfig,
        *,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        mask_ratio: float,
        norm_pix: bool,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        vit = build_vit(architecture, num_classes=0)
        width, patch = architecture.embed_dim, architecture.patch_size
        grid = architecture.image_size // patch
        self.patch_size, self.mask_ratio, self.norm_pix = patch, mask_ratio, norm_pix
        self.image_size = architecture.image_size
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(sin_cos_2d(width, grid), requires_grad=False)
        self.patch_embed = vit.patch_embed
        self.blocks = vit.blocks
        self.norm = LayerNorm(width)
        self.decoder_embed = nn.Linear(width, decoder.embed_dim)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, decoder.embed_dim))
        self.decoder_pos_embed = nn.Parameter(
            sin_cos_2d(decoder.embed_dim, grid), requires_grad=False
        )
        self.decoder_blocks = nn.Sequential(
            *(_decoder_block(decoder) for _ in range(decoder.depth))
        )
        self.decoder_norm = LayerNorm(decoder.embed_dim)
        self.decoder_pred = nn.Linear(decoder.embed_dim, patch * patch * 3)
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)
        initialise(self, generator)

    def forward(
        self,
        noisy: Float[Tensor, "batch channels height width"],
        scores: Float[Tensor, "batch patches"],
    ) -> Float[Tensor, "batch patches pixels"]:
        """The decoder's guess at every patch, from the patches with the lowest scores.

        Args:
            noisy: [0, 1] pixels plus noise, not clipped.
            scores: Uniform noise that ranks the patches.
        """
        latent, restore = self.encode(noisy, scores)
        return self.decode(latent, restore)

    def encode(
        self,
        noisy: Float[Tensor, "batch channels height width"],
        scores: Float[Tensor, "batch patches"],
    ) -> tuple[Tensor, Tensor]:
        """Encoded class token and visible patches, and the order that restores all places."""
        tokens = self.patch_embed(self._normalise(noisy).to(self.cls_token.dtype))
        tokens = tokens + self.pos_embed[:, 1:]
        kept, restore = visible_patches(scores, mask_ratio=self.mask_ratio)
        tokens = take_patches(tokens, kept)
        cls_token = (self.cls_token + self.pos_embed[:, :1]).expand(len(tokens), -1, -1)
        return self.norm(self.blocks(torch.cat([cls_token, tokens], dim=1))), restore

    def decode(
        self, latent: Float[Tensor, "batch seen width"], restore: Tensor
    ) -> Float[Tensor, "batch patches pixels"]:
        """Predicted (standardised) pixels of every patch, the channel running fastest."""
        tokens = self.decoder_embed(latent)
        hidden = restore.shape[1] + 1 - tokens.shape[1]
        masks = self.mask_token.expand(len(tokens), hidden, -1)
        patches = take_patches(torch.cat([tokens[:, 1:], masks], dim=1), restore)
        tokens = torch.cat([tokens[:, :1], patches], dim=1) + self.decoder_pos_embed
        return self.decoder_pred(self.decoder_norm(self.decoder_blocks(tokens)))[:, 1:]

    def target(
        self, clean: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch patches pixels"]:
        """What the decoder should say: patches of the normalised clean image."""
        patches = patchify(self._normalise(clean), self.patch_size)
        if not self.norm_pix:
            return patches
        mean = patches.mean(dim=-1, keepdim=True)
        variance = patches.var(dim=-1, keepdim=True)
        return (patches - mean) / (variance + 1e-6).sqrt()

    def hidden(self, scores: Float[Tensor, "batch patches"]) -> Bool[Tensor, "batch patches"]:
        """Which patches these scores hide from the encoder."""
        kept, restore = visible_patches(scores, mask_ratio=self.mask_ratio)
        return restore >= kept.shape[1]

    def loss(
        self,
        predicted: Tensor,
        clean: Float[Tensor, "batch channels height width"],
        hidden: Bool[Tensor, "batch patches"] | None = None,
    ) -> Float[Tensor, ""]:
        """Mean squared error over all patches; over the hidden ones alone where they are given."""
        errors = (predicted.float() - self.target(clean)).square().mean(dim=-1)
        # A sum, not a selection: its shape does not wait for the mask on an accelerator.
        return errors.mean() if hidden is None else (errors * hidden).sum() / hidden.sum()

    def _normalise(self, pixels: Tensor) -> Tensor:
        return network_input(pixels, size=self.image_size, mean=self.mean, std=self.std)


def _decoder_block(decoder: DecoderConfig) -> Block:
    norm = cast(type[nn.Module], LayerNorm)  # timm's annotation knows no partial
    return Block(decoder.embed_dim, decoder.num_heads, qkv_bias=True, norm_layer=norm)


def patchify(
    images: Float[Tensor, "batch channels height width"], patch: int
) -> Float[Tensor, "batch patches pixels"]:
    """Square patches row by row, each as (row, column, channel), the channel running fastest."""
    batch, channels, height, width = images.shape
    grid = images.reshape(batch, channels, height // patch, patch, width // patch, patch)
    return grid.permute(0, 2, 4, 3, 5, 1).reshape(batch, -1, patch * patch * channels)


def initialise(model: nn.Module, generator: torch.Generator) -> None:
    """Fresh weights as MAE has them: Xavier-uniform matrices, zero biases, small tokens.

    Positions are left alone. Every draw comes from the generator.
    """
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight, generator=generator)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
        elif name == "patch_embed.proj" and isinstance(module, nn.Conv2d):
            nn.init.xavier_uniform_(module.weight.flatten(1), generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for name, parameter in model.named_parameters():
        if name in {"cls_token", "mask_token"}:
            nn.init.normal_(parameter, std=0.02, generator=generator)
