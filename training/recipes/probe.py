"""Linear probes of the encoders that the other recipes train.

The head reads the class token; the images are cropped and mirrored, and nothing else is done to
them. Deviation from the papers: the features are standardised by statistics that are measured once
on the training images, instead of by those of each batch, which on batches of thousands of images
are the same but for sampling.
"""

from dataclasses import replace

from training.config import FinetuneConfig, OptimConfig, ProbeConfig
from training.recipes import cifar10, imagenet, smoke
from training.recipes.scaling import scaled_lr


def smoke_probe() -> ProbeConfig:
    """A linear layer on the very small encoder: seconds, for tests and first tries."""
    return _probe(smoke.finetune(), _adamw(lr=1e-2))


def cifar10_vit_tiny() -> ProbeConfig:
    """CIFAR-10 at 32 x 32, for a GPU: 30 epochs with AdamW, minutes."""
    return _long(_probe(cifar10.vit_tiny_finetune(), _adamw(lr=2e-3)), epochs=30)


def cifar10_vit_tiny_cpu() -> ProbeConfig:
    """CIFAR-10 at 32 x 32 on two CPU cores: 5 epochs with AdamW, a few minutes."""
    return _long(_probe(cifar10.vit_tiny_cpu_finetune(), _adamw(lr=1e-3)), epochs=5)


def cifar10_vit_small() -> ProbeConfig:
    """CIFAR-10 at 32 x 32, for a GPU: 30 epochs with AdamW, minutes."""
    return _long(_probe(cifar10.vit_small_finetune(), _adamw(lr=2e-3)), epochs=30)


def cifar10_vit_base_224() -> ProbeConfig:
    """DMAE ViT-B/16 on CIFAR-10 at 224 x 224: 90 epochs with LARS, the paper's rate."""
    return _lars(cifar10.vit_base_224_finetune(), batch_size=4096, shares=16)


def imagenet_vit_base() -> ProbeConfig:
    """DMAE ViT-B/16 on ImageNet: 90 epochs with LARS, as in the paper."""
    return _lars(imagenet.vit_base_finetune(), batch_size=16_384, shares=64)


def imagenet_vit_large() -> ProbeConfig:
    """DMAE ViT-L/16 on ImageNet: 90 epochs with LARS, as in the paper."""
    return _lars(imagenet.vit_large_finetune(), batch_size=16_384, shares=64)


def _lars(finetuning: FinetuneConfig, *, batch_size: int, shares: int) -> ProbeConfig:
    optim = OptimConfig(
        optimizer="lars",
        lr=scaled_lr(0.1, batch_size),
        momentum=0.9,
        weight_decay=0.0,
        warmup=10 / 90,
        clip_norm=0.0,
    )
    probe = _long(_probe(finetuning, optim), epochs=90)
    return replace(probe, loop=replace(probe.loop, batch_size=batch_size, shares=shares))


def _adamw(*, lr: float) -> OptimConfig:
    return OptimConfig(lr=lr, betas=(0.9, 0.999), weight_decay=0.0)


def _long(probe: ProbeConfig, *, epochs: float) -> ProbeConfig:
    return replace(probe, loop=replace(probe.loop, steps=None, epochs=epochs))


def _probe(finetuning: FinetuneConfig, optim: OptimConfig) -> ProbeConfig:
    """A probe of the data and the network that a fine-tuning has, less its RandAugment."""
    return ProbeConfig(
        data=replace(finetuning.data, randaugment=""),
        architecture=replace(finetuning.architecture, global_pool="token"),
        optim=optim,
        loop=finetuning.loop,
        sigma=finetuning.sigma,
    )
