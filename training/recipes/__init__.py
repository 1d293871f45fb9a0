"""Recipes: functions returning a whole configuration, by the name the command line knows."""

from collections.abc import Callable, Mapping

from training.config import FinetuneConfig, PretrainConfig, ProbeConfig
from training.recipes import cifar10, probe, smoke
from training.recipes.measuring import EVALUATE, EXPORT

__all__ = ["EVALUATE", "EXPORT", "FINETUNE", "PRETRAIN", "PROBE", "cifar10", "probe", "smoke"]

PRETRAIN: Mapping[str, Callable[[], PretrainConfig]] = {
    "smoke": smoke.pretrain,
    "cifar10_vit_tiny": cifar10.vit_tiny_pretrain,
    "cifar10_vit_tiny_cpu": cifar10.vit_tiny_cpu_pretrain,
}
FINETUNE: Mapping[str, Callable[[], FinetuneConfig]] = {
    "smoke": smoke.finetune,
    "cifar10_vit_tiny": cifar10.vit_tiny_finetune,
    "cifar10_vit_tiny_cpu": cifar10.vit_tiny_cpu_finetune,
}
PROBE: Mapping[str, Callable[[], ProbeConfig]] = {
    "smoke": probe.smoke_probe,
    "cifar10_vit_tiny": probe.cifar10_vit_tiny,
    "cifar10_vit_tiny_cpu": probe.cifar10_vit_tiny_cpu,
}
