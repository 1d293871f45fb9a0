"""Random masking: which patches the encoder sees."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def visible_patches(
    scores: Float[Tensor, "batch patches"], *, mask_ratio: float
) -> tuple[Int[Tensor, "batch kept"], Int[Tensor, "batch patches"]]:
    """The patches to keep, lowest score first, and the order that puts all back in place.

    Args:
        scores: Uniform noise, one number a patch.
        mask_ratio: Share of the patches to hide, in [0, 1).

    Returns:
        Indices of the kept patches, and for each position its place in
        `concatenate(kept, hidden)`.
    """
    order = torch.argsort(scores, dim=1)
    kept = int(scores.shape[1] * (1 - mask_ratio))
    return order[:, :kept], torch.argsort(order, dim=1)


def take_patches(
    tokens: Float[Tensor, "batch patches width"], index: Int[Tensor, "batch chosen"]
) -> Float[Tensor, "batch chosen width"]:
    """The tokens at the given positions, image by image."""
    return tokens.gather(1, index.unsqueeze(-1).expand(-1, -1, tokens.shape[-1]))
