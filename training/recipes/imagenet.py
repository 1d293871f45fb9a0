"""ImageNet at 224 x 224, as the DMAE paper trains it (arXiv 2210.06983).

The figures are the paper's: batch sizes over all devices, rates by the linear scaling rule, no
gradient clipping. Deviations: bfloat16 in place of float16, decoded images of 256 pixels to crop
from, and a share of the training images held out. Fine-tuning mixes images before the noise is
added; `--mix-after-noise` is the official order. For sigma 1.0 the paper weighs the entropy less:
`--sigma 1.0 --entropy 0.1`.

A batch is computed in `shares`, of 64 images in pre-training and 32 in fine-tuning, which the
processes of torchrun divide up.
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
from training.config.data import IMAGENET_MEAN, IMAGENET_STD
from training.recipes.scaling import scaled_lr

VIT_BASE = Architecture(image_size=224, patch_size=16, embed_dim=768, depth=12, num_heads=12)
VIT_LARGE = Architecture(image_size=224, patch_size=16, embed_dim=1024, depth=24, num_heads=16)
DECODER = DecoderConfig(embed_dim=512, depth=8, num_heads=16)


def vit_base_pretrain() -> PretrainConfig:
    """DMAE ViT-B/16 on ImageNet: 1100 epochs."""
    return _pretrain(VIT_BASE, epochs=1100)


def vit_large_pretrain() -> PretrainConfig:
    """DMAE ViT-L/16 on ImageNet: 1600 epochs."""
    return _pretrain(VIT_LARGE, epochs=1600)


def vit_base_finetune() -> FinetuneConfig:
    """DMAE ViT-B/16 on ImageNet: 100 epochs of two views with consistency."""
    return FinetuneConfig(
        data=_data(crop_scale=(0.08, 1.0), randaugment="rand-m9-mstd0.5-inc1"),
        architecture=VIT_BASE,
        optim=finetune_optim(scaled_lr(5e-4, 1024), warmup=5 / 100, layer_decay=0.65),
        loop=_loop(epochs=100, batch_size=1024, shares=32),
        views=2,
        consistency=2.0,
        entropy=0.5,
        label_smoothing=0.1,
        mixup=0.8,
        cutmix=1.0,
        drop_path=0.1,
    )


def vit_large_finetune() -> FinetuneConfig:
    """DMAE ViT-L/16 on ImageNet: 50 epochs of one view, no consistency term."""
    return FinetuneConfig(
        data=_data(crop_scale=(0.08, 1.0), randaugment="rand-m9-mstd0.5-inc1"),
        architecture=VIT_LARGE,
        optim=finetune_optim(scaled_lr(1e-3, 1024), warmup=5 / 50, layer_decay=0.75),
        loop=_loop(epochs=50, batch_size=1024, shares=32),
        label_smoothing=0.1,
        mixup=0.8,
        cutmix=1.0,
        drop_path=0.2,
    )


def pretrain_optim(lr: float, *, warmup: float) -> OptimConfig:
    """AdamW as DMAE pre-trains with it."""
    return OptimConfig(lr=lr, warmup=warmup, betas=(0.9, 0.95), clip_norm=0.0)


def finetune_optim(lr: float, *, warmup: float, layer_decay: float) -> OptimConfig:
    """AdamW as DMAE fine-tunes with it: the cosine ends at a rate of 1e-6."""
    return OptimConfig(
        lr=lr,
        min_lr=1e-6 / lr,
        warmup=warmup,
        betas=(0.9, 0.999),
        layer_decay=layer_decay,
        clip_norm=0.0,
    )


def _pretrain(architecture: Architecture, *, epochs: int) -> PretrainConfig:
    return PretrainConfig(
        data=_data(crop_scale=(0.2, 1.0)),
        architecture=architecture,
        decoder=DECODER,
        optim=pretrain_optim(scaled_lr(1.5e-4, 4096), warmup=40 / epochs),
        loop=_loop(epochs=epochs, batch_size=4096, shares=64),
    )


def _data(*, crop_scale: tuple[float, float], randaugment: str = "") -> DataConfig:
    return DataConfig(
        source="imagenet",
        path=Path("data/imagenet"),
        stored_size=256,
        crop_scale=crop_scale,
        randaugment=randaugment,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
    )


def _loop(*, epochs: int, batch_size: int, shares: int) -> LoopConfig:
    return LoopConfig(
        epochs=epochs,
        batch_size=batch_size,
        device="cuda",
        precision="bfloat16",
        shares=shares,
        parallel=1,
        compile=True,
        checkpoint_every=1000,
        validate_every=5000,
    )
