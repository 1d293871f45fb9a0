"""Fixed two-dimensional sine-cosine position embeddings."""

import torch
from jaxtyping import Float
from torch import Tensor


def sin_cos_2d(width: int, grid: int) -> Float[Tensor, "1 tokens width"]:
    """Embeddings of a class token (zeros) and of grid x grid patches, row by row.

    The first half of the channels tells the column, the second the row; each half is
    [sin, cos] of the position times 10000^(-k / (width/4)).

    Args:
        width: Channels of a token; divisible by 4.
        grid: Patches along a side.

    Source:
        He et al. (2022), Masked autoencoders; the layout of its published weights.
    """
    if width % 4:
        raise ValueError(f"width must be divisible by 4, got {width}")
    quarter = width // 4
    omega = 10000.0 ** (-torch.arange(quarter, dtype=torch.float64) / quarter)
    angle = torch.arange(grid, dtype=torch.float64)[:, None] * omega
    axis = torch.cat([angle.sin(), angle.cos()], dim=1)
    columns = axis.repeat(grid, 1)
    rows = axis.repeat_interleave(grid, dim=0)
    patches = torch.cat([columns, rows], dim=1)
    return torch.cat([torch.zeros(1, width), patches.float()])[None]
