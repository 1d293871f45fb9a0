"""A linear probe's head, folded into the one linear layer that it amounts to."""

from collections.abc import Mapping

from torch import Tensor

# Of the batch norm in front of the probe, as MAE and DMAE have it.
EPSILON = 1e-6
BATCH_NORM = ("head.0.running_mean", "head.0.running_var", "head.0.num_batches_tracked")


def is_probe(tensors: Mapping[str, Tensor]) -> bool:
    """Whether a classifier's head is a batch norm without weights, then a linear layer."""
    return BATCH_NORM[0] in tensors


def fold_probe(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same classifier with a plain linear head; any other is returned as it is.

    In evaluation the batch norm is (x - mean) / sqrt(var + epsilon), a linear map, so that
    W (x - mean) / s + b = (W / s) x + (b - W mean / s). It is computed in float64.

    Args:
        tensors: Of a classifier, `head.0.running_mean`, `head.0.running_var`, `head.1.weight` and
            `head.1.bias` among them.
    """
    if not is_probe(tensors):
        return dict(tensors)
    mean, variance = (tensors[name].double() for name in BATCH_NORM[:2])
    weight, bias = tensors["head.1.weight"], tensors["head.1.bias"]
    scaled = weight.double() / (variance + EPSILON).sqrt()
    kept = {name: value for name, value in tensors.items() if not name.startswith("head.")}
    return kept | {
        "head.weight": scaled.to(weight.dtype),
        "head.bias": (bias.double() - scaled @ mean).to(bias.dtype),
    }
