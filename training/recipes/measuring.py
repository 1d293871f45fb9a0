"""What evaluate and export do with a recipe's run where the command line does not say."""

from collections.abc import Mapping

_CIFAR10 = {"--stride": "20", "--n": "10000"}

# Words of the command line, by recipe.
EVALUATE: Mapping[str, Mapping[str, str]] = {
    "smoke": {"--max-images": "12", "--stride": "7", "--n0": "20", "--n": "200"},
    "cifar10_vit_tiny": _CIFAR10,
    "cifar10_vit_tiny_cpu": _CIFAR10,
}
EXPORT: Mapping[str, Mapping[str, str]] = {"smoke": {"--measure-s": "1"}}
