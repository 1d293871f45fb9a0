"""Optimisers, parameter groups and the learning rate schedule."""

import copy
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from training.config import OptimConfig
from training.engine.lars import Lars

POSITIONS_AND_TOKENS = frozenset({"pos_embed", "cls_token"})

# Tensors that each optimiser keeps for a parameter, at most; checkpoints hold them too.
MOMENTS = {"adamw": 2, "muon": 2, "lars": 1}


def learning_rate_scale(step: int, *, steps: int, warmup: float, min_lr: float) -> float:
    """Share of the peak rate at a step: linear from 0, then half a cosine down to `min_lr`.

    Args:
        step: Steps already taken, from 0.
        steps: Steps of the whole run.
        warmup: Share of the steps spent in the warm-up.
        min_lr: Share of the peak that the cosine ends at.
    """
    warmup_steps = warmup * steps
    if step < warmup_steps:
        return step / warmup_steps
    progress = (step - warmup_steps) / max(1.0, steps - warmup_steps)
    return min_lr + (1 - min_lr) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def layer_of(name: str, *, depth: int) -> int:
    """Layer of a parameter: 0 for the embedding, i + 1 for block i, depth + 1 for the head."""
    if name.startswith(("cls_token", "pos_embed", "patch_embed")):
        return 0
    block = re.match(r"blocks\.(\d+)\.", name)
    return int(block[1]) + 1 if block else depth + 1


def parameter_groups(
    parameters: Iterable[tuple[str, nn.Parameter]],
    *,
    depth: int,
    weight_decay: float,
    layer_decay: float,
    never_decayed: frozenset[str] = frozenset(),
) -> list[dict[str, Any]]:
    """Trainable parameters by weight decay and learning rate scale.

    One-dimensional parameters and those in `never_decayed` get no weight decay; the rate of layer
    i is scaled by layer_decay^(depth + 1 - i).
    """
    groups: dict[tuple[float, float], dict[str, Any]] = {}
    for name, parameter in parameters:
        if not parameter.requires_grad:
            continue
        exempt = parameter.ndim <= 1 or name in never_decayed
        decay = 0.0 if exempt else weight_decay
        scale = layer_decay ** (depth + 1 - layer_of(name, depth=depth))
        group = groups.setdefault(
            (decay, scale), {"params": [], "names": [], "weight_decay": decay, "lr_scale": scale}
        )
        group["params"].append(parameter)
        group["names"].append(name)
    return list(groups.values())


def build_optimizers(
    groups: Sequence[dict[str, Any]], config: OptimConfig
) -> tuple[torch.optim.Optimizer, ...]:
    """AdamW or LARS for every group, or Muon for the blocks' matrices and AdamW for the rest."""
    if config.optimizer == "adamw":
        return (_adamw(groups, config),)
    if config.optimizer == "lars":
        return (Lars(_scaled(groups, config.lr), momentum=config.momentum),)
    matrices = [_part(group, matrices=True) for group in groups]
    others = [_part(group, matrices=False) for group in groups]
    muon = torch.optim.Muon(
        _scaled([group for group in matrices if group["params"]], config.muon_lr),
        lr=0.0,
        adjust_lr_fn="match_rms_adamw",
    )
    return muon, _adamw([group for group in others if group["params"]], config)


def divided(optimizer: torch.optim.Optimizer, parts: int) -> list[torch.optim.Optimizer]:
    """Optimisers over disjoint parameters of one, with its state: to take its step on threads.

    No parameter's update looks at another's, so the results are those of the one.
    """
    if parts == 1:
        return [optimizer]
    copies = [copy.copy(optimizer) for _ in range(parts)]
    for number, part in enumerate(copies):
        part.param_groups = [
            {**group, "params": _by_size(group["params"])[number::parts]}
            for group in optimizer.param_groups
        ]
    return copies


def _by_size(parameters: Iterable[Tensor]) -> list[Tensor]:
    return sorted(parameters, key=lambda parameter: parameter.numel(), reverse=True)


def set_learning_rate(optimizers: Iterable[torch.optim.Optimizer], scale: float) -> None:
    """Sets every group to this share of its own peak rate."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = scale * group["lr_scale"]


def _adamw(groups: Sequence[dict[str, Any]], config: OptimConfig) -> torch.optim.Optimizer:
    on_gpu = any(parameter.is_cuda for group in groups for parameter in group["params"])
    return torch.optim.AdamW(
        _scaled(groups, config.lr), lr=0.0, betas=config.betas, fused=True if on_gpu else None
    )


def _scaled(groups: Sequence[dict[str, Any]], lr: float) -> list[dict[str, Any]]:
    return [{**group, "lr_scale": group["lr_scale"] * lr} for group in groups]


def _part(group: dict[str, Any], *, matrices: bool) -> dict[str, Any]:
    chosen: list[tuple[str, Tensor]] = [
        (name, parameter)
        for name, parameter in zip(group["names"], group["params"], strict=True)
        if _is_block_matrix(name, parameter) == matrices
    ]
    return {
        **group,
        "params": [parameter for _, parameter in chosen],
        "names": [name for name, _ in chosen],
    }


def _is_block_matrix(name: str, parameter: Tensor) -> bool:
    return "blocks." in name and parameter.ndim == 2
