"""Recipes hold the published hyper-parameters; the tables here are written out, not computed."""

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

import pytest

from training import recipes
from training.config import as_json

NAMES = {
    "smoke",
    "cifar10_vit_tiny",
    "cifar10_vit_tiny_cpu",
    "cifar10_vit_small",
    "cifar10_vit_base_224",
    "imagenet_vit_base",
    "imagenet_vit_large",
}
IMAGENET = {
    "data.source": "imagenet",
    "data.mean": (0.485, 0.456, 0.406),
    "data.std": (0.229, 0.224, 0.225),
    "data.size": None,
    "data.flip": True,
}
CIFAR10_AT_224 = {
    "data.mean": (0.4914, 0.4822, 0.4465),
    "data.std": (0.2471, 0.2435, 0.2616),
    "data.size": 32,
    "data.flip": True,
    "data.crop_padding": 0,
    "data.crop_scale": None,
    "data.randaugment": "",
}
BASE = {
    "architecture.image_size": 224,
    "architecture.patch_size": 16,
    "architecture.embed_dim": 768,
    "architecture.depth": 12,
    "architecture.num_heads": 12,
    "architecture.mlp_ratio": 4.0,
}
LARGE = {
    **BASE,
    "architecture.embed_dim": 1024,
    "architecture.depth": 24,
    "architecture.num_heads": 16,
}
ADAMW = {
    "optim.optimizer": "adamw",
    "optim.weight_decay": 0.05,
    "optim.clip_norm": 0.0,
    "loop.steps": None,
}
PRETRAIN = {
    **ADAMW,
    "decoder.embed_dim": 512,
    "decoder.depth": 8,
    "decoder.num_heads": 16,
    "optim.betas": (0.9, 0.95),
    "optim.min_lr": 0.0,
    "corruption.noise": "constant",
    "corruption.sigma": 0.25,
    "corruption.mask_ratio": 0.75,
    "corruption.loss_on": "all",
    "corruption.norm_pix": True,
}
FINETUNE = {
    **ADAMW,
    "architecture.global_pool": "avg",
    "optim.betas": (0.9, 0.999),
    "sigma": 0.25,
    "label_smoothing": 0.1,
    "mix_after_noise": False,
    "init": None,
}
CONSISTENCY = {"views": 2, "consistency": 2.0, "entropy": 0.5}
STRONG = {
    "data.crop_scale": (0.08, 1.0),
    "data.randaugment": "rand-m9-mstd0.5-inc1",
    "mixup": 0.8,
    "cutmix": 1.0,
}
PAPER_PRETRAINING: Mapping[str, Mapping[str, Any]] = {
    "imagenet_vit_base": {
        **IMAGENET,
        **BASE,
        **PRETRAIN,
        "data.crop_scale": (0.2, 1.0),
        "data.randaugment": "",
        "loop.epochs": 1100,
        "loop.batch_size": 4096,
        "loop.shares": 64,
        "optim.lr": 0.0024,
        "optim.warmup": 0.036364,
        "init": None,
    },
    "imagenet_vit_large": {
        **IMAGENET,
        **LARGE,
        **PRETRAIN,
        "data.crop_scale": (0.2, 1.0),
        "data.randaugment": "",
        "loop.epochs": 1600,
        "loop.batch_size": 4096,
        "loop.shares": 64,
        "optim.lr": 0.0024,
        "optim.warmup": 0.025,
        "init": None,
    },
    "cifar10_vit_base_224": {
        **CIFAR10_AT_224,
        **BASE,
        **PRETRAIN,
        "loop.epochs": 50,
        "loop.batch_size": 512,
        "loop.shares": 8,
        "optim.lr": 0.0001,
        "optim.warmup": 0.2,
    },
}
PAPER_FINETUNING: Mapping[str, Mapping[str, Any]] = {
    "imagenet_vit_base": {
        **IMAGENET,
        **BASE,
        **FINETUNE,
        **STRONG,
        **CONSISTENCY,
        "loop.epochs": 100,
        "loop.batch_size": 1024,
        "optim.lr": 0.002,
        "optim.min_lr": 0.0005,
        "optim.warmup": 0.05,
        "optim.layer_decay": 0.65,
        "drop_path": 0.1,
    },
    "imagenet_vit_large": {
        **IMAGENET,
        **LARGE,
        **FINETUNE,
        **STRONG,
        "views": 1,
        "consistency": 0.0,
        "loop.epochs": 50,
        "loop.batch_size": 1024,
        "optim.lr": 0.004,
        "optim.min_lr": 0.00025,
        "optim.warmup": 0.1,
        "optim.layer_decay": 0.75,
        "drop_path": 0.2,
    },
    "cifar10_vit_base_224": {
        **CIFAR10_AT_224,
        **BASE,
        **FINETUNE,
        **CONSISTENCY,
        "mixup": 0.0,
        "cutmix": 0.0,
        "loop.epochs": 50,
        "loop.batch_size": 256,
        "optim.lr": 0.0005,
        "optim.min_lr": 0.002,
        "optim.warmup": 0.1,
        "optim.layer_decay": 0.65,
        "drop_path": 0.1,
    },
}


def fields_of(config: object, wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {name: attrgetter(name)(config) for name in wanted}


def near(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The same with numbers equal to 4 digits, as a table states them."""
    return {
        name: pytest.approx(value, rel=1e-4) if isinstance(value, float) else value
        for name, value in wanted.items()
    }


def test_every_recipe_has_both_stages():
    assert set(recipes.PRETRAIN) == set(recipes.FINETUNE) == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_the_two_stages_of_a_recipe_fit_together(name: str):
    pretraining, finetuning = recipes.PRETRAIN[name](), recipes.FINETUNE[name]()

    assert as_json(pretraining)["command"] == "pretrain"
    assert as_json(finetuning)["command"] == "finetune"
    assert pretraining.architecture == finetuning.architecture
    assert pretraining.data.source == finetuning.data.source
    assert (pretraining.data.mean, pretraining.data.std) == (
        finetuning.data.mean,
        finetuning.data.std,
    )


@pytest.mark.parametrize("name", PAPER_PRETRAINING)
def test_pre_training_is_the_paper_s(name: str):
    wanted = PAPER_PRETRAINING[name]

    assert fields_of(recipes.PRETRAIN[name](), wanted) == near(wanted)


@pytest.mark.parametrize("name", PAPER_FINETUNING)
def test_fine_tuning_is_the_paper_s(name: str):
    wanted = PAPER_FINETUNING[name]

    assert fields_of(recipes.FINETUNE[name](), wanted) == near(wanted)


@pytest.mark.parametrize("stage", [recipes.PRETRAIN, recipes.FINETUNE])
@pytest.mark.parametrize("name", PAPER_PRETRAINING)
def test_eight_processes_can_share_out_an_imagenet_batch(name: str, stage: Mapping[str, Any]):
    loop = stage[name]().loop

    assert loop.batch_size // loop.shares in {32, 64}
    assert not loop.threaded


def test_continued_pre_training_starts_from_imagenet():
    init = recipes.PRETRAIN["cifar10_vit_base_224"]().init

    assert init is not None
    assert init.as_posix() == "runs/imagenet_vit_base/pretrain"
