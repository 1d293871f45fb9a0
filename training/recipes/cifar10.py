"""CIFAR-10 at its own 32 x 32 pixels."""

from dataclasses import replace

from model_store.card import Architecture
from training.config import FinetuneConfig, LoopConfig, OptimConfig, PretrainConfig

VIT_TINY = Architecture(image_size=32, patch_size=4, embed_dim=192, depth=6, num_heads=3)


def vit_tiny_pretrain() -> PretrainConfig:
    """CIFAR-10 at 32 x 32 with a full budget: about 400 epochs (76,000 steps of 256)."""
    return PretrainConfig(
        architecture=VIT_TINY,
        optim=OptimConfig(lr=6e-4, betas=(0.9, 0.95)),
        loop=LoopConfig(
            steps=76_000,
            batch_size=256,
            precision="bfloat16",
            checkpoint_every=1000,
            validate_every=2000,
        ),
    )


def vit_tiny_finetune() -> FinetuneConfig:
    """CIFAR-10 at 32 x 32 with a full budget: 100 epochs, two views with consistency."""
    return FinetuneConfig(
        architecture=VIT_TINY,
        optim=OptimConfig(lr=1e-3, betas=(0.9, 0.999), layer_decay=0.75),
        loop=LoopConfig(
            steps=19_000,
            batch_size=256,
            precision="bfloat16",
            checkpoint_every=1000,
            validate_every=1000,
        ),
        views=2,
        consistency=2.0,
        entropy=0.5,
        drop_path=0.1,
    )


def vit_tiny_cpu_pretrain() -> PretrainConfig:
    """CIFAR-10 at 32 x 32 in about 20 minutes on two CPU cores: 15 epochs."""
    full = vit_tiny_pretrain()
    return replace(
        full,
        optim=replace(full.optim, optimizer="muon", lr=1.5e-3),
        loop=replace(
            full.loop, steps=2800, validate_every=500, shares=2, threads=1, checkpoint_every=100
        ),
    )


def vit_tiny_cpu_finetune() -> FinetuneConfig:
    """CIFAR-10 at 32 x 32 in about an hour on two CPU cores: 19 epochs, one view an image."""
    full = vit_tiny_finetune()
    return replace(
        full,
        optim=replace(full.optim, optimizer="muon", layer_decay=1.0),
        loop=replace(
            full.loop, steps=3600, validate_every=250, shares=2, threads=1, checkpoint_every=100
        ),
        views=1,
        consistency=0.0,
        drop_path=0.0,
    )
