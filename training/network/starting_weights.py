"""Weights of an earlier run put into a new network, or refused with what does not fit."""

import math
from collections.abc import Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional

from training.config import FinetuneConfig, PretrainConfig
from training.engine import checkpoints
from training.engine.run_directory import CONFIG, read_settings
from training.errors import BadCheckpoint
from training.network.probe import fold_probe

ENCODER = ("cls_token", "pos_embed", "patch_embed.", "blocks.")
CLASSIFIER = "vit."
HEAD = "head.weight"
FRESH = frozenset({HEAD, "head.bias", "fc_norm.weight", "fc_norm.bias"})
POSITIONS = frozenset({"pos_embed", "decoder_pos_embed"})
SHOWN_BY: Mapping[str, str] = {
    "architecture.embed_dim": "cls_token",
    "architecture.patch_size": "patch_embed.proj.weight",
    "decoder.embed_dim": "mask_token",
}


def load_classifier(vit: VisionTransformer, run: Path, config: FinetuneConfig) -> None:
    """Takes a run's weights over: a pre-training's encoder, or a whole classifier.

    A linear probe's standardisation is folded into its linear layer.
    An encoder's last norm goes to a head on the class token; one on the mean of the patches has a
    fresh norm, and every head is fresh.

    Raises:
        BadCheckpoint: There is no such run, or it does not fit; names the tensor and the fix.
    """
    wanted = _classifier_tensors(checkpoints.load_weights(run), config)
    vit.load_state_dict(_fit(wanted, vit, run, config), strict=False)


def load_autoencoder(model: nn.Module, run: Path, config: PretrainConfig) -> None:
    """Takes over a pre-training's weights, those of the decoder included.

    Raises:
        BadCheckpoint: There is no such run, or it does not fit; names the tensor and the fix.
    """
    model.load_state_dict(_fit(checkpoints.load_weights(run), model, run, config))


def resize_positions(
    positions: Float[Tensor, "1 tokens width"], shape: tuple[int, ...]
) -> Float[Tensor, "1 others width"]:
    """Position embeddings for another square grid: bicubic, the class token's row kept.

    Args:
        positions: Those of a class token and of a square grid's patches, row by row; returned as
            they are where they cannot have the wanted shape.
        shape: (1, tokens wanted, width), the class token included.

    Source:
        He et al. (2022), whose fine-tuning at another size resamples them so.
    """
    old, new = math.isqrt(positions.shape[1] - 1), math.isqrt(shape[1] - 1)
    if old == new or old**2 + 1 != positions.shape[1] or positions.shape[2] != shape[2]:
        return positions
    grid = positions[:, 1:].unflatten(1, (old, old)).permute(0, 3, 1, 2).float()
    grid = functional.interpolate(grid, size=(new, new), mode="bicubic", align_corners=False)
    patches = grid.permute(0, 2, 3, 1).flatten(1, 2).to(positions.dtype)
    return torch.cat([positions[:, :1], patches], dim=1)


def _classifier_tensors(tensors: Mapping[str, Tensor], config: FinetuneConfig) -> dict[str, Tensor]:
    """A run's tensors under the classifier's names; of a pre-training, those of the encoder."""
    if any(name.startswith(CLASSIFIER) for name in tensors):
        return fold_probe({name.removeprefix(CLASSIFIER): each for name, each in tensors.items()})
    taken = (*ENCODER, "norm.") if config.architecture.global_pool == "token" else ENCODER
    return {name: value for name, value in tensors.items() if name.startswith(taken)}


def _fit(
    tensors: dict[str, Tensor], model: nn.Module, run: Path, config: FinetuneConfig | PretrainConfig
) -> dict[str, Tensor]:
    """The tensors, positions resized, once every one of them has its place in the model."""
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    fitted = {
        name: resize_positions(value, shapes[name]) if name in POSITIONS & shapes.keys() else value
        for name, value in tensors.items()
    }
    heads, wanted_heads = _recorded_heads(run), config.architecture.num_heads
    faults = _faults(fitted, shapes)
    if heads not in {None, wanted_heads}:
        faults.append(f"num_heads is {heads} there and {wanted_heads} here")
    if faults:
        more = f" (and {len(faults) - 1} more)" if faults[1:] else ""
        raise BadCheckpoint(
            f"{run} does not fit the architecture: {faults[0]}{more}; "
            f"{_remedy(tensors, heads, config)}"
        )
    return fitted


def _faults(tensors: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]) -> list[str]:
    # A whole classifier brings its head; an encoder leaves what is fresh to the model.
    fresh = frozenset[str]() if HEAD in tensors else FRESH
    return [
        *(
            f"{name} is {tuple(tensors[name].shape)} there and {shape} here"
            for name, shape in shapes.items()
            if name in tensors and tensors[name].shape != shape
        ),
        *(f"{name} is missing there" for name in shapes if name not in tensors.keys() | fresh),
        *(f"{name} has no place here" for name in tensors if name not in shapes),
    ]


def _recorded_heads(run: Path) -> int | None:
    """Attention heads by the run's configuration, since no tensor shows them."""
    recorded = read_settings(run) if (run / CONFIG).is_file() else {}
    return recorded.get("architecture", {}).get("num_heads")


def _remedy(
    tensors: Mapping[str, Tensor], heads: int | None, config: FinetuneConfig | PretrainConfig
) -> str:
    """The options that would make the configuration fit."""
    found = {**_shape_of(tensors), "architecture.num_heads": heads}
    options = [
        f"--{name.replace('_', '-')} {value}"
        for name, value in found.items()
        if value is not None and value != attrgetter(name)(config)
    ]
    if options:
        return f"give {' '.join(options)}, or another --init"
    if HEAD in tensors:
        return f"its head has {len(tensors[HEAD])} classes: start from its pre-training instead"
    return "give another --init"


def _shape_of(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Fields of a configuration that the tensors show."""
    fields: dict[str, Any] = {
        field: tensors[name].shape[-1] for field, name in SHOWN_BY.items() if name in tensors
    }
    for field, blocks in (("architecture.depth", "blocks."), ("decoder.depth", "decoder_blocks.")):
        numbers = {name.split(".")[1] for name in tensors if name.startswith(blocks)}
        fields |= {field: len(numbers)} if numbers else {}
    if (mlp := tensors.get("blocks.0.mlp.fc1.weight")) is not None:
        fields["architecture.mlp_ratio"] = mlp.shape[0] / mlp.shape[1]
    if HEAD in tensors:
        fields["architecture.global_pool"] = "avg" if "fc_norm.weight" in tensors else "token"
    return fields
