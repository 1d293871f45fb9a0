"""Our own recipes: what the served weights were trained with, and networks for a GPU."""

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

import pytest

from training import recipes

# What the weights in the model store were trained with.
TINY_ON_A_CPU = {
    "architecture.image_size": 32,
    "architecture.patch_size": 4,
    "architecture.embed_dim": 192,
    "architecture.depth": 6,
    "architecture.num_heads": 3,
    "data.source": "folder",
    "data.size": None,
    "data.crop_padding": 4,
    "data.crop_scale": None,
    "data.flip": True,
    "data.randaugment": "",
    "data.validation_every": 50,
    "optim.optimizer": "muon",
    "optim.muon_lr": 0.002,
    "optim.min_lr": 0.0,
    "optim.warmup": 0.05,
    "optim.weight_decay": 0.05,
    "optim.layer_decay": 1.0,
    "optim.clip_norm": 1.0,
    "loop.batch_size": 256,
    "loop.seed": 0,
    "loop.device": "cpu",
    "loop.precision": "bfloat16",
    "loop.shares": 2,
    "loop.compile": False,
    "init": None,
}


def fields_of(config: object, wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {name: attrgetter(name)(config) for name in wanted}


def test_the_cpu_recipe_pre_trains_as_the_served_weights_were():
    wanted = {
        **TINY_ON_A_CPU,
        "decoder.embed_dim": 128,
        "decoder.depth": 2,
        "decoder.num_heads": 4,
        "corruption.sigma": 0.25,
        "corruption.mask_ratio": 0.75,
        "optim.lr": 0.0015,
        "optim.betas": (0.9, 0.95),
        "loop.steps": 2800,
    }

    assert fields_of(recipes.PRETRAIN["cifar10_vit_tiny_cpu"](), wanted) == wanted


def test_the_cpu_recipe_fine_tunes_as_the_served_weights_were():
    wanted = {
        **TINY_ON_A_CPU,
        "optim.lr": 0.001,
        "optim.betas": (0.9, 0.999),
        "loop.steps": 3600,
        "sigma": 0.25,
        "views": 1,
        "consistency": 0.0,
        "entropy": 0.5,
        "label_smoothing": 0.0,
        "mixup": 0.0,
        "cutmix": 0.0,
        "drop_path": 0.0,
    }

    assert fields_of(recipes.FINETUNE["cifar10_vit_tiny_cpu"](), wanted) == wanted


@pytest.mark.parametrize(
    ("name", "width", "heads"), [("cifar10_vit_tiny", 192, 3), ("cifar10_vit_small", 384, 6)]
)
def test_a_network_for_a_gpu_is_12_blocks_deep_on_patches_of_4(name: str, width: int, heads: int):
    shape = recipes.FINETUNE[name]().architecture

    assert (shape.image_size, shape.patch_size, shape.depth) == (32, 4, 12)
    assert (shape.embed_dim, shape.num_heads) == (width, heads)


def test_the_smoke_recipe_needs_no_data_set():
    assert recipes.PRETRAIN["smoke"]().data.source == "shapes"
    assert recipes.FINETUNE["smoke"]().data.source == "shapes"
