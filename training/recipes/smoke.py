"""Runs of seconds, for tests and first tries."""

from pathlib import Path

from model_store.card import Architecture
from training.config import DataConfig, DecoderConfig, FinetuneConfig, LoopConfig, PretrainConfig


def pretrain() -> PretrainConfig:
    """A few steps of a very small network: seconds, for tests and first tries."""
    return PretrainConfig(
        data=_smoke_data(),
        architecture=_smoke_architecture(),
        decoder=DecoderConfig(embed_dim=16, depth=1, num_heads=2),
        loop=_smoke_loop(),
    )


def finetune() -> FinetuneConfig:
    """A few steps of a very small classifier, with the consistency term."""
    return FinetuneConfig(
        data=_smoke_data(),
        architecture=_smoke_architecture(),
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
        steps=6, batch_size=8, threads=1, log_every=1, checkpoint_every=3, validate_every=0
    )
