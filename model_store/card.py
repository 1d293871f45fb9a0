"""The card: everything about a checkpoint that its weights do not say."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """Shape of a vision transformer.

    Attributes:
        image_size: Side of the square image the network takes, in pixels.
        patch_size: Side of a patch, in pixels; divides `image_size`.
        embed_dim: Width of a token.
        depth: Number of transformer blocks.
        num_heads: Attention heads; divides `embed_dim`.
        mlp_ratio: Hidden width of a block's MLP over `embed_dim`.
        global_pool: What the head sees: the mean of the patch tokens, or the class token.
    """

    image_size: int
    patch_size: int
    embed_dim: int
    depth: int
    num_heads: int
    mlp_ratio: float = 4.0
    global_pool: Literal["avg", "token"] = "avg"
