"""From a card to a base classifier: resize and normalisation live inside it."""

from functools import partial

from timm.models.vision_transformer import VisionTransformer
from torch import nn

from model_store.card import Architecture


def build_vit(
    architecture: Architecture, num_classes: int, *, drop_path: float = 0.0
) -> VisionTransformer:
    """A timm vision transformer of the given shape, with fresh weights.

    LayerNorm's epsilon is 1e-6, as in MAE and DMAE, so their weights mean the same here.
    """
    return VisionTransformer(
        img_size=architecture.image_size,
        patch_size=architecture.patch_size,
        num_classes=num_classes,
        global_pool=architecture.global_pool,
        embed_dim=architecture.embed_dim,
        depth=architecture.depth,
        num_heads=architecture.num_heads,
        mlp_ratio=architecture.mlp_ratio,
        drop_path_rate=drop_path,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
    )
