"""What evaluate and export do with a recipe's run where the command line does not say."""

from collections.abc import Mapping

_CIFAR10 = {"--stride": "20", "--n": "10000"}
_IMAGENET = {"--stride": "50", "--n": "10000", "--batch-size": "1000", "--device": "cuda"}

# Words of the command line, by recipe.
EVALUATE: Mapping[str, Mapping[str, str]] = {
    "smoke": {"--stride": "8", "--n": "200", "--batch-size": "100"},
    "cifar10_vit_tiny": _CIFAR10,
    "cifar10_vit_tiny_cpu": _CIFAR10,
    "cifar10_vit_small": _CIFAR10,
    "cifar10_vit_base_224": _CIFAR10,
    "imagenet_vit_base": _IMAGENET,
    "imagenet_vit_large": _IMAGENET,
}
EXPORT: Mapping[str, Mapping[str, str]] = {"smoke": {"--measure-s": "1"}}
