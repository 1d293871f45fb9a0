"""Schedule, parameter groups, optimisers."""

import pytest
import torch
from torch import nn

from model_store.card import Architecture
from model_store.classifier import build_vit
from training.config import OptimConfig
from training.engine.optim import (
    POSITIONS_AND_TOKENS,
    build_optimizers,
    layer_of,
    learning_rate_scale,
    parameter_groups,
    set_learning_rate,
)


def vit() -> nn.Module:
    return build_vit(
        Architecture(image_size=16, patch_size=4, embed_dim=32, depth=2, num_heads=2), 3
    )


@pytest.mark.parametrize(
    ("step", "scale"),
    [(0, 0.0), (5, 0.5), (10, 1.0), (55, 0.55), (100, 0.1), (40, 0.775), (70, 0.325)],
)
def test_the_rate_rises_linearly_and_falls_as_half_a_cosine(step: int, scale: float):
    value = learning_rate_scale(step, steps=100, warmup=0.1, min_lr=0.1)

    assert value == pytest.approx(scale, abs=1e-6)


def test_without_warm_up_the_first_step_has_the_peak_rate():
    assert learning_rate_scale(0, steps=10, warmup=0.0, min_lr=0.0) == 1.0


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("cls_token", 0),
        ("pos_embed", 0),
        ("patch_embed.proj.weight", 0),
        ("blocks.0.norm1.weight", 1),
        ("blocks.11.mlp.fc1.bias", 12),
        ("fc_norm.weight", 13),
        ("head.bias", 13),
    ],
)
def test_layers_count_from_the_embedding_to_the_head(name: str, layer: int):
    assert layer_of(name, depth=12) == layer


def test_a_layer_learns_slower_than_the_one_above_it():
    groups = parameter_groups(vit().named_parameters(), depth=2, weight_decay=0.05, layer_decay=0.5)

    scales = {name: group["lr_scale"] for group in groups for name in group["names"]}

    assert scales["head.weight"] == 1.0
    assert scales["blocks.1.attn.qkv.weight"] == 0.5
    assert scales["blocks.0.attn.qkv.weight"] == 0.25
    assert scales["patch_embed.proj.weight"] == 0.125


def test_biases_norms_positions_and_tokens_are_not_decayed():
    groups = parameter_groups(
        vit().named_parameters(),
        depth=2,
        weight_decay=0.05,
        layer_decay=1.0,
        never_decayed=POSITIONS_AND_TOKENS,
    )

    decays = {name: group["weight_decay"] for group in groups for name in group["names"]}

    assert decays.keys() == dict(vit().named_parameters()).keys()
    decayed = {name for name, decay in decays.items() if decay}
    assert decayed == {name for name in decays if name.endswith(".weight") and "norm" not in name}


def test_muon_takes_the_blocks_matrices_and_adamw_the_rest():
    groups = parameter_groups(vit().named_parameters(), depth=2, weight_decay=0.05, layer_decay=1.0)

    muon, adamw = build_optimizers(groups, OptimConfig(optimizer="muon"))

    matrices = {name for group in muon.param_groups for name in group["names"]}
    others = {name for group in adamw.param_groups for name in group["names"]}
    assert isinstance(muon, torch.optim.Muon)
    assert len(matrices) == 2 * 4
    assert all(name.startswith("blocks.") for name in matrices)
    assert matrices | others == set(dict(vit().named_parameters()))


def test_the_rate_of_a_group_is_its_share_of_the_peak():
    groups = parameter_groups(vit().named_parameters(), depth=2, weight_decay=0.0, layer_decay=0.5)
    (adamw,) = build_optimizers(groups, OptimConfig(lr=0.01))

    set_learning_rate([adamw], 0.5)

    assert sorted({group["lr"] for group in adamw.param_groups}) == pytest.approx(
        [0.005 / 8, 0.005 / 4, 0.005 / 2, 0.005]
    )
