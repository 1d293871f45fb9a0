"""Runs of seconds, for tests and first tries."""

from pathlib import Path

from model_store.card import Architecture
from training.config import (
    DataConfig,
    DecoderConfig,
    FinetuneConfig,
    LoopConfig,
    OptimConfig,
    PretrainConfig,
)


def pretrain() -> PretrainConfig:
    """A very small network on pictures that are drawn: seconds, for tests and first tries."""
    return PretrainConfig(
        data=_smoke_data(),
        architecture=_smoke_architecture(),
        decoder=DecoderConfig(embed_dim=16, depth=1, num_heads=2),
        optim=OptimConfig(lr=2e-3),
        loop=_smoke_loop(),
    )


def finetune() -> FinetuneConfig:
    """A very small classifier of the drawn pictures, with the consistency term: seconds."""
    return FinetuneConfig(
        data=_smoke_data(),
        architecture=_smoke_architecture(),
        optim=OptimConfig(lr=2e-3),
        loop=_smoke_loop(),
        views=2,
        consistency=2.0,
    )


def _smoke_data() -> DataConfig:
    return DataConfig(source="shapes", path=Path("runs/shapes/train"))


def _smoke_architecture() -> Architecture:
    return Architecture(image_size=16, patch_size=4, embed_dim=32, depth=2, num_heads=2)


def _smoke_loop() -> LoopConfig:
    return LoopConfig(
        steps=200, batch_size=32, threads=1, log_every=10, checkpoint_every=100, validate_every=100
    )
