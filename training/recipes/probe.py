"""Linear probes of the encoders that the other recipes train."""

from dataclasses import replace

from training.config import FinetuneConfig, OptimConfig, ProbeConfig
from training.recipes import cifar10, smoke


def smoke_probe() -> ProbeConfig:
    """A few steps on a very small encoder: seconds, for tests and first tries."""
    return _probe(smoke.finetune(), optim=OptimConfig(lr=1e-2, weight_decay=0.0))


def cifar10_vit_tiny() -> ProbeConfig:
    """CIFAR-10 at 32 x 32: AdamW, 20 epochs; minutes on a GPU."""
    return _probe_cifar10(cifar10.vit_tiny_finetune(), steps=3800)


def cifar10_vit_tiny_cpu() -> ProbeConfig:
    """CIFAR-10 at 32 x 32: AdamW, 5 epochs; a few minutes on two CPU cores."""
    return _probe_cifar10(cifar10.vit_tiny_cpu_finetune(), steps=960)


def _probe_cifar10(finetuning: FinetuneConfig, *, steps: int) -> ProbeConfig:
    probe = _probe(finetuning, optim=OptimConfig(lr=1e-3, weight_decay=0.0))
    return replace(probe, loop=replace(probe.loop, steps=steps))


def _probe(finetuning: FinetuneConfig, *, optim: OptimConfig) -> ProbeConfig:
    """A probe on the class token, of the data and the network that a fine-tuning has."""
    return ProbeConfig(
        data=finetuning.data,
        architecture=replace(finetuning.architecture, global_pool="token"),
        optim=optim,
        loop=finetuning.loop,
        sigma=finetuning.sigma,
    )
