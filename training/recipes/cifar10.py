"""CIFAR-10: at its own 32 x 32 pixels, and at 224 x 224 as the DMAE paper trains it.

Deviations at 224 x 224, as in `training.recipes.imagenet`: bfloat16 in place of float16, and a
share of the training images held out.
"""

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
from training.recipes.imagenet import DECODER, VIT_BASE, finetune_optim, pretrain_optim
from training.recipes.scaling import scaled_lr

VIT_TINY_CPU = Architecture(image_size=32, patch_size=4, embed_dim=192, depth=6, num_heads=3)
VIT_TINY = Architecture(image_size=32, patch_size=4, embed_dim=192, depth=12, num_heads=3)
VIT_SMALL = Architecture(image_size=32, patch_size=4, embed_dim=384, depth=12, num_heads=6)
FLIPPED_AT_32 = DataConfig(size=32, crop_padding=0)


def vit_tiny_pretrain() -> PretrainConfig:
    """CIFAR-10 at 32 x 32, 5 million parameters, for a GPU: 400 epochs."""
    return _pretrain(VIT_TINY, DecoderConfig(embed_dim=128, depth=2, num_heads=4))


def vit_tiny_finetune() -> FinetuneConfig:
    """CIFAR-10 at 32 x 32, for a GPU: 100 epochs of two views with consistency."""
    return _finetune(VIT_TINY)


def vit_small_pretrain() -> PretrainConfig:
    """CIFAR-10 at 32 x 32, 21 million parameters, for a GPU: 400 epochs."""
    return _pretrain(VIT_SMALL, DecoderConfig(embed_dim=256, depth=2, num_heads=8))


def vit_small_finetune() -> FinetuneConfig:
    """CIFAR-10 at 32 x 32, for a GPU: 100 epochs of two views with consistency."""
    return _finetune(VIT_SMALL)


def vit_tiny_cpu_pretrain() -> PretrainConfig:
    """CIFAR-10 at 32 x 32 in about 20 minutes on two CPU cores: 15 epochs."""
    return PretrainConfig(
        architecture=VIT_TINY_CPU,
        optim=OptimConfig(optimizer="muon", lr=1.5e-3, betas=(0.9, 0.95)),
        loop=_cpu_loop(steps=2800, validate_every=500),
    )


def vit_tiny_cpu_finetune() -> FinetuneConfig:
    """CIFAR-10 at 32 x 32 in about an hour on two CPU cores: 19 epochs, one view an image."""
    return FinetuneConfig(
        architecture=VIT_TINY_CPU,
        optim=OptimConfig(optimizer="muon", lr=1e-3, betas=(0.9, 0.999)),
        loop=_cpu_loop(steps=3600, validate_every=250),
    )


def vit_base_224_pretrain() -> PretrainConfig:
    """DMAE ViT-B/16 pre-trained on ImageNet, and on with CIFAR-10: 50 epochs, as in the paper.

    Noise is added at 32 x 32 and the noisy image resampled to 224 x 224; `init` is a run of
    imagenet_vit_base or the imported checkpoint of the paper.
    """
    return PretrainConfig(
        data=FLIPPED_AT_32,
        architecture=VIT_BASE,
        decoder=DECODER,
        optim=pretrain_optim(scaled_lr(5e-5, 512), warmup=10 / 50),
        loop=_gpu_loop(epochs=50, batch_size=512, shares=8),
        init=Path("runs/imagenet_vit_base/pretrain"),
    )


def vit_base_224_finetune() -> FinetuneConfig:
    """DMAE ViT-B/16 on CIFAR-10 at 224 x 224: 50 epochs, as in the paper.

    For sigma 1.0 the paper weighs the entropy less: `--sigma 1.0 --entropy 0.1`.
    """
    return FinetuneConfig(
        data=FLIPPED_AT_32,
        architecture=VIT_BASE,
        optim=finetune_optim(scaled_lr(5e-4, 256), warmup=5 / 50, layer_decay=0.65),
        loop=_gpu_loop(epochs=50, batch_size=256, shares=4),
        views=2,
        consistency=2.0,
        entropy=0.5,
        label_smoothing=0.1,
        drop_path=0.1,
    )


def _pretrain(architecture: Architecture, decoder: DecoderConfig) -> PretrainConfig:
    return PretrainConfig(
        architecture=architecture,
        decoder=decoder,
        optim=OptimConfig(optimizer="muon", lr=1.5e-3, betas=(0.9, 0.95)),
        loop=_gpu_loop(epochs=400, batch_size=1024),
    )


def _finetune(architecture: Architecture) -> FinetuneConfig:
    return FinetuneConfig(
        architecture=architecture,
        optim=OptimConfig(optimizer="muon", lr=1e-3, betas=(0.9, 0.999), layer_decay=0.85),
        loop=_gpu_loop(epochs=100, batch_size=512),
        views=2,
        consistency=2.0,
        entropy=0.5,
        drop_path=0.1,
    )


def _gpu_loop(*, epochs: int, batch_size: int, shares: int = 1) -> LoopConfig:
    return LoopConfig(
        epochs=epochs,
        batch_size=batch_size,
        device="cuda",
        precision="bfloat16",
        shares=shares,
        parallel=1,
        compile=True,
        log_every=50,
        checkpoint_every=1000,
        validate_every=1000,
    )


def _cpu_loop(*, steps: int, validate_every: int) -> LoopConfig:
    return LoopConfig(
        steps=steps,
        batch_size=256,
        precision="bfloat16",
        shares=2,
        threads=1,
        checkpoint_every=100,
        validate_every=validate_every,
    )
