"""Schedule, parameter groups, optimisers."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from model_store.card import Architecture
from model_store.classifier import build_vit
from training.config import LoopConfig, OptimConfig
from training.engine.lars import TRUST, Lars
from training.engine.optim import (
    POSITIONS_AND_TOKENS,
    build_optimizers,
    divided,
    layer_of,
    learning_rate_scale,
    parameter_groups,
    set_learning_rate,
)
from training.errors import BadConfig
from training.streams import stream


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


def published_rate(epoch: float, *, lr: float, min_lr: float, warmup: int, epochs: int) -> float:
    """MAE's and DMAE's rate at a fractional epoch, in absolute rates and epochs."""
    if epoch < warmup:
        return lr * epoch / warmup
    angle = math.pi * (epoch - warmup) / (epochs - warmup)
    return min_lr + (lr - min_lr) * 0.5 * (1.0 + math.cos(angle))


@pytest.mark.parametrize(
    ("lr", "min_lr", "warmup", "epochs", "images", "batch_size"),
    [
        (2.4e-3, 0.0, 40, 1100, 1_281_167, 4096),  # pre-training, ImageNet, ViT-B
        (1e-4, 0.0, 10, 50, 50_000, 512),  # continued pre-training, CIFAR-10
        (2e-3, 1e-6, 5, 100, 1_281_167, 1024),  # fine-tuning, ImageNet, ViT-B
        (5e-4, 1e-6, 5, 50, 50_000, 256),  # fine-tuning, CIFAR-10
        (6.4, 0.0, 10, 90, 1_281_167, 16_384),  # linear probe
    ],
)
def test_the_rate_is_the_published_one_at_every_iteration(
    lr: float, min_lr: float, warmup: int, epochs: int, images: int, batch_size: int
):
    steps = LoopConfig(epochs=epochs, batch_size=batch_size).total_steps(images)
    per_epoch = images // batch_size
    iterations = np.unique(np.linspace(0, steps - 1, 500).astype(int))

    rates = [
        lr * learning_rate_scale(int(i), steps=steps, warmup=warmup / epochs, min_lr=min_lr / lr)
        for i in iterations
    ]

    expected = [
        published_rate(i / per_epoch, lr=lr, min_lr=min_lr, warmup=warmup, epochs=epochs)
        for i in iterations
    ]
    assert steps == epochs * per_epoch
    assert rates[0] == 0.0
    np.testing.assert_allclose(rates, expected, rtol=1e-9, atol=lr * 1e-12)


@pytest.mark.parametrize(("depth", "decay"), [(12, 0.65), (24, 0.75)])
def test_layers_are_scaled_as_published(depth: int, decay: float):
    shape = Architecture(image_size=16, patch_size=4, embed_dim=16, depth=depth, num_heads=2)
    model = build_vit(shape, 3)

    groups = parameter_groups(
        model.named_parameters(), depth=depth, weight_decay=0.05, layer_decay=decay
    )

    scales = {name: group["lr_scale"] for group in groups for name in group["names"]}
    for name, parameter in model.named_parameters():
        part = name.split(".")
        embedding = part[0] in {"cls_token", "pos_embed", "patch_embed"}
        layer = int(part[1]) + 1 if part[0] == "blocks" else 0 if embedding else depth + 1
        assert scales[name] == pytest.approx(math.pow(decay, depth + 1 - layer)), name
        assert parameter.requires_grad
    assert len(groups) <= 2 * (depth + 2)


def test_a_rate_is_the_schedule_times_the_layer_s_scale():
    groups = parameter_groups(
        vit().named_parameters(), depth=2, weight_decay=0.05, layer_decay=0.65
    )
    (adamw,) = build_optimizers(groups, OptimConfig(lr=5e-4))

    set_learning_rate([adamw], learning_rate_scale(3, steps=100, warmup=0.1, min_lr=0.002))

    rates = {name: group["lr"] for group in adamw.param_groups for name in group["names"]}
    assert rates["head.weight"] == pytest.approx(5e-4 * 3 / 10)
    assert rates["blocks.0.mlp.fc1.bias"] == pytest.approx(5e-4 * 3 / 10 * 0.65**2)


def test_lars_agrees_with_a_computation_by_hand():
    weights, bias = np.array([[3.0, 0.0], [0.0, 4.0]]), np.array([1.0, -2.0])
    matrix, vector = (nn.Parameter(torch.tensor(value)) for value in (weights, bias))
    optimizer = Lars([matrix, vector], lr=0.5, momentum=0.9, weight_decay=0.1)
    gradients = np.random.default_rng(0).normal(size=(3, 2, 2))

    momentum, slope = np.zeros((2, 2)), np.zeros(2)
    for gradient in gradients:
        matrix.grad, vector.grad = torch.tensor(gradient), torch.tensor(gradient[0])
        optimizer.step()

        decayed = gradient + 0.1 * weights
        share = 0.001 * np.linalg.norm(weights) / np.linalg.norm(decayed)
        momentum = 0.9 * momentum + share * decayed
        slope = 0.9 * slope + gradient[0]
        weights, bias = weights - 0.5 * momentum, bias - 0.5 * slope

    np.testing.assert_allclose(matrix.detach().numpy(), weights, rtol=1e-12)
    np.testing.assert_allclose(vector.detach().numpy(), bias, rtol=1e-12)


def test_the_first_step_of_lars_is_a_fixed_share_of_the_weights():
    matrix = nn.Parameter(torch.randn(5, 7, generator=stream(0, "weights")))
    before = matrix.detach().clone()
    matrix.grad = torch.randn(5, 7, generator=stream(1, "weights"))

    Lars([matrix], lr=2.0).step()

    moved = (matrix - before).norm() / before.norm()
    assert moved.item() == pytest.approx(2.0 * TRUST, rel=1e-5)


def test_lars_moves_weights_that_are_all_zero():
    matrix = nn.Parameter(torch.zeros(2, 2))
    matrix.grad = torch.ones(2, 2)

    Lars([matrix], lr=0.1).step()

    assert matrix.tolist() == [[pytest.approx(-0.1)] * 2] * 2


def test_lars_takes_every_group_at_its_own_rate():
    groups = parameter_groups(vit().named_parameters(), depth=2, weight_decay=0.0, layer_decay=1.0)

    (lars,) = build_optimizers(groups, OptimConfig(optimizer="lars", lr=6.4, momentum=0.8))
    set_learning_rate([lars], 0.5)

    assert isinstance(lars, Lars)
    assert {group["lr"] for group in lars.param_groups} == {3.2}
    assert {group["momentum"] for group in lars.param_groups} == {0.8}


@pytest.mark.parametrize("name", ["adamw", "muon", "lars"])
def test_a_step_taken_in_parts_is_the_very_step_of_the_whole(name: str):
    config = OptimConfig(optimizer=name, lr=0.1)
    whole, parted = vit(), vit()
    parted.load_state_dict(whole.state_dict())
    taken = []
    for model, parts in ((whole, 1), (parted, 3)):
        groups = parameter_groups(
            model.named_parameters(), depth=2, weight_decay=0.05, layer_decay=0.5
        )
        optimizers = build_optimizers(groups, config)
        pieces = [piece for each in optimizers for piece in divided(each, parts)]
        for step in range(3):
            for number, parameter in enumerate(model.parameters()):
                parameter.grad = torch.randn(parameter.shape, generator=stream(step, "g", number))
            set_learning_rate(pieces, 0.5)
            for piece in reversed(pieces):
                piece.step()
        taken.append([each.state_dict()["state"] for each in optimizers])

    assert all(map(torch.equal, whole.state_dict().values(), parted.state_dict().values()))
    torch.testing.assert_close(taken[0], taken[1], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("lr", -1.0),
        ("lr", math.inf),
        ("clip_norm", -1.0),
        ("warmup", 1.5),
        ("min_lr", -0.1),
        ("layer_decay", 0.0),
        ("momentum", 1.0),
    ],
)
def test_a_setting_out_of_its_range_is_refused_by_name(field: str, value: float):
    with pytest.raises(BadConfig, match=field):
        OptimConfig(**{field: value})
