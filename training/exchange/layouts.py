"""What a state dict holds: a vision transformer of the plain shape, or something else.

DMAE, MAE, NIM and timm call the same tensors by the same names, so one table of names and shapes
describes them all, and a file is recognised by agreeing with it in every entry.

Source:
    He et al. (2022), Wu et al. (2023) and You et al. (2023): the names of their published weights.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from training.errors import BadCheckpoint

Shape = tuple[int, ...]

ACCEPTED = (
    "a DMAE, MAE or NIM pre-training (whole, or its encoder), a fine-tuned classifier with a "
    "global-pool or class-token head, a linear probe, or a timm state dict of a plain vision "
    "transformer, as torch.save or safetensors file"
)
PLAIN = ("cls_token", "pos_embed", "patch_embed.proj.weight", "blocks.0.mlp.fc1.weight")
# Decoders have no MLP ratio of their own in any of the projects.
DECODER_MLP_RATIO = 4
# By a part of a name: what has it is no transformer of the plain shape.
STRANGERS = {
    "model.vit.": "a file of a run directory of this project; name the run instead",
    "model.blocks.": "a file of a run directory of this project; name the run instead",
    "reg_token": "register tokens",
    "dist_token": "a distillation token",
    ".ls1.": "layer-scale",
    ".gamma_1": "layer-scale",
    "relative_position_bias_table": "relative positions, as Swin and BEiT have them",
    "layers.0.blocks.": "a hierarchy of stages, as Swin has it",
    "stages.0.": "a convolutional network",
    "layer1.0.conv1": "a convolutional network",
    ".q_norm.": "normalised queries and keys",
    "norm_pre.": "a norm before the blocks, as CLIP has it",
    "pre_logits.": "a representation layer",
    "attn_pool.": "attention pooling",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What a state dict holds, as far as names and shapes tell; they do not tell the heads.

    Attributes:
        kind: A pre-training with its decoder, its encoder alone, or a classifier.
        image_size: Side of the image that the network takes, in pixels.
        patch_size: Side of a patch, in pixels.
        embed_dim: Width of a token.
        depth: Number of blocks.
        mlp_ratio: Hidden width of a block's MLP over `embed_dim`.
        global_pool: What a classifier's head sees.
        num_classes: Of a classifier; 0 otherwise.
        probe: Whether the head is a linear probe's: a batch norm, then a linear layer.
        decoder_dim: Width of a pre-training's decoder; 0 otherwise.
        decoder_depth: Its number of blocks.
    """

    kind: Literal["autoencoder", "encoder", "classifier"]
    image_size: int
    patch_size: int
    embed_dim: int
    depth: int
    mlp_ratio: float
    global_pool: Literal["avg", "token"] = "token"
    num_classes: int = 0
    probe: bool = False
    decoder_dim: int = 0
    decoder_depth: int = 0

    def __str__(self) -> str:
        shape = (
            f"{self.depth} blocks of width {self.embed_dim}, patch {self.patch_size}, "
            f"{self.image_size} x {self.image_size} pixels"
        )
        if self.kind == "autoencoder":
            decoder = f"{self.decoder_depth} blocks of width {self.decoder_dim}"
            return f"pre-training ({shape}) with its decoder ({decoder})"
        if self.kind == "encoder":
            return f"pre-trained encoder ({shape}), for fine-tuning only"
        pool = "global-pool" if self.global_pool == "avg" else "class-token"
        head = f"linear probe, {pool}" if self.probe else pool
        return f"classifier ({shape}; {head} head, {self.num_classes} classes)"


def recognise(tensors: Mapping[str, Tensor]) -> Layout:
    """The layout that a state dict agrees with in every name and shape.

    Raises:
        BadCheckpoint: It agrees with none; says what was found instead.
    """
    _refuse_strangers(tensors)
    layout = _read(tensors)
    wanted, found = shapes(layout), {name: tuple(value.shape) for name, value in tensors.items()}
    faults = [f"{name} is missing" for name in wanted.keys() - found.keys()]
    faults += [f"{name} is unexpected" for name in found.keys() - wanted.keys()]
    faults += [
        f"{name} is {found[name]} instead of {wanted[name]}"
        for name in wanted.keys() & found.keys()
        if wanted[name] != found[name]
    ]
    if faults:
        listed = "; ".join(sorted(faults)[:5])
        raise BadCheckpoint(f"nearly a {layout}, but wrong in {len(faults)}: {listed}")
    return layout


def check_values(tensors: Mapping[str, Tensor]) -> None:
    """Refuses weights that are not finite floating-point numbers.

    Raises:
        BadCheckpoint: Names the tensor.
    """
    for name, value in tensors.items():
        if value.layout != torch.strided or value.is_meta or _is_repeated(value):
            raise BadCheckpoint(f"{name} is no plain array of numbers")
        if name.endswith("num_batches_tracked"):
            continue
        if not value.is_floating_point():
            raise BadCheckpoint(f"{name} holds {value.dtype} instead of floating-point numbers")
        if not value.isfinite().all():
            raise BadCheckpoint(f"{name} holds numbers that are not finite")


def _is_repeated(value: Tensor) -> bool:
    """Whether there are fewer numbers than are told; computing with them could fill any memory."""
    return value.untyped_storage().nbytes() < value.nbytes


def shapes(layout: Layout) -> dict[str, Shape]:
    """Name and shape of every entry of a layout."""
    width, patch = layout.embed_dim, layout.patch_size
    tokens = (layout.image_size // patch) ** 2 + 1
    found: dict[str, Shape] = {
        "cls_token": (1, 1, width),
        "pos_embed": (1, tokens, width),
        "patch_embed.proj.weight": (width, 3, patch, patch),
        "patch_embed.proj.bias": (width,),
    }
    for number in range(layout.depth):
        found |= _block(f"blocks.{number}", width, int(width * layout.mlp_ratio))
    if layout.kind == "classifier":
        return found | _head(layout)
    found |= _norm("norm", width)
    return found | (_decoder(layout, tokens) if layout.kind == "autoencoder" else {})


def _decoder(layout: Layout, tokens: int) -> dict[str, Shape]:
    width = layout.decoder_dim
    found: dict[str, Shape] = {
        "mask_token": (1, 1, width),
        "decoder_pos_embed": (1, tokens, width),
        **_linear("decoder_embed", layout.embed_dim, width),
        **_norm("decoder_norm", width),
        **_linear("decoder_pred", width, 3 * layout.patch_size**2),
    }
    for number in range(layout.decoder_depth):
        found |= _block(f"decoder_blocks.{number}", width, DECODER_MLP_RATIO * width)
    return found


def _head(layout: Layout) -> dict[str, Shape]:
    width, classes = layout.embed_dim, layout.num_classes
    norm = _norm("fc_norm" if layout.global_pool == "avg" else "norm", width)
    if not layout.probe:
        return norm | _linear("head", width, classes)
    return {
        **norm,
        "head.0.running_mean": (width,),
        "head.0.running_var": (width,),
        "head.0.num_batches_tracked": (),
        **_linear("head.1", width, classes),
    }


def _block(name: str, width: int, hidden: int) -> dict[str, Shape]:
    return {
        **_norm(f"{name}.norm1", width),
        **_linear(f"{name}.attn.qkv", width, 3 * width),
        **_linear(f"{name}.attn.proj", width, width),
        **_norm(f"{name}.norm2", width),
        **_linear(f"{name}.mlp.fc1", width, hidden),
        **_linear(f"{name}.mlp.fc2", hidden, width),
    }


def _norm(name: str, width: int) -> dict[str, Shape]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _linear(name: str, inputs: int, outputs: int) -> dict[str, Shape]:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _refuse_strangers(tensors: Mapping[str, Tensor]) -> None:
    for part, what in STRANGERS.items():
        name = next((name for name in tensors if part in name), None)
        if name is not None:
            raise BadCheckpoint(f"{what} (entry {name})")
    missing = [name for name in PLAIN if name not in tensors]
    if missing:
        some = ", ".join(list(tensors)[:5]) or "none"
        raise BadCheckpoint(
            f"no plain vision transformer: no {', '.join(missing)} "
            f"among {len(tensors)} entries such as {some}"
        )


def _read(tensors: Mapping[str, Tensor]) -> Layout:
    token, positions, patches, hidden = (tuple(tensors[name].shape) for name in PLAIN)
    if tuple(map(len, (token, positions, patches, hidden))) != (3, 3, 4, 2) or not patches[3]:
        listed = ", ".join(f"{name} {tuple(tensors[name].shape)}" for name in PLAIN)
        raise BadCheckpoint(f"no plain vision transformer: {listed}")
    grid = math.isqrt(max(positions[1] - 1, 0))
    if grid == 0 or grid**2 != positions[1] - 1:
        raise BadCheckpoint(
            f"pos_embed has {positions[1]} tokens, not a class token and a square of patches"
        )
    width = max(token[2], 1)
    kind, num_classes = _kind(tensors)
    return Layout(
        kind=kind,
        image_size=grid * patches[3],
        patch_size=patches[3],
        embed_dim=width,
        depth=_count("blocks", tensors),
        mlp_ratio=hidden[0] / width,
        global_pool="avg" if any(name.startswith("fc_norm.") for name in tensors) else "token",
        num_classes=num_classes,
        probe="head.0.running_mean" in tensors,
        decoder_dim=_outer(tensors, "decoder_embed.weight") if kind == "autoencoder" else 0,
        decoder_depth=_count("decoder_blocks", tensors),
    )


def _kind(
    tensors: Mapping[str, Tensor],
) -> tuple[Literal["autoencoder", "encoder", "classifier"], int]:
    if any(name.startswith("decoder_") for name in tensors):
        return "autoencoder", 0
    if any(name.startswith("head.") for name in tensors):
        linear = "head.1.weight" if "head.0.running_mean" in tensors else "head.weight"
        return "classifier", _outer(tensors, linear)
    return "encoder", 0


def _outer(tensors: Mapping[str, Tensor], name: str) -> int:
    shape = tensors[name].shape if name in tensors else ()
    return shape[0] if shape else 0


def _count(name: str, tensors: Mapping[str, Tensor]) -> int:
    found = (re.match(rf"{name}\.(\d+)\.", each) for each in tensors)
    numbers = (int(number[1]) for number in found if number)
    # Each block has entries of its own, so a number beyond all of them is a stranger's.
    return max((number + 1 for number in numbers if number < len(tensors)), default=0)
