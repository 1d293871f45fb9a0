"""Recipes: functions returning a whole configuration, by the name the command line knows."""

from collections.abc import Callable, Mapping

from training.config import FinetuneConfig, PretrainConfig, ProbeConfig
from training.recipes import cifar10, imagenet, probe, smoke
from training.recipes.measuring import EVALUATE, EXPORT

__all__ = [
    "EVALUATE",
    "EXPORT",
    "FINETUNE",
    "PRETRAIN",
    "PROBE",
    "cifar10",
    "imagenet",
    "probe",
    "smoke",
]

PRETRAIN: Mapping[str, Callable[[], PretrainConfig]] = {
    "smoke": smoke.pretrain,
    "cifar10_vit_tiny": cifar10.vit_tiny_pretrain,
    "cifar10_vit_tiny_cpu": cifar10.vit_tiny_cpu_pretrain,
    "cifar10_vit_small": cifar10.vit_small_pretrain,
    "cifar10_vit_base_224": cifar10.vit_base_224_pretrain,
    "imagenet_vit_base": imagenet.vit_base_pretrain,
    "imagenet_vit_large": imagenet.vit_large_pretrain,
}
FINETUNE: Mapping[str, Callable[[], FinetuneConfig]] = {
    "smoke": smoke.finetune,
    "cifar10_vit_tiny": cifar10.vit_tiny_finetune,
    "cifar10_vit_tiny_cpu": cifar10.vit_tiny_cpu_finetune,
    "cifar10_vit_small": cifar10.vit_small_finetune,
    "cifar10_vit_base_224": cifar10.vit_base_224_finetune,
    "imagenet_vit_base": imagenet.vit_base_finetune,
    "imagenet_vit_large": imagenet.vit_large_finetune,
}
PROBE: Mapping[str, Callable[[], ProbeConfig]] = {
    "smoke": probe.smoke_probe,
    "cifar10_vit_tiny": probe.cifar10_vit_tiny,
    "cifar10_vit_tiny_cpu": probe.cifar10_vit_tiny_cpu,
    "cifar10_vit_small": probe.cifar10_vit_small,
    "cifar10_vit_base_224": probe.cifar10_vit_base_224,
    "imagenet_vit_base": probe.imagenet_vit_base,
    "imagenet_vit_large": probe.imagenet_vit_large,
}
