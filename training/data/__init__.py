"""Images in memory and batches of them."""

from training.data.images import (
    ImageSet,
    Split,
    as_pixels,
    augment,
    batch_indices,
    fetch,
    list_images,
    open_images,
    split,
)

__all__ = [
    "ImageSet",
    "Split",
    "as_pixels",
    "augment",
    "batch_indices",
    "fetch",
    "list_images",
    "open_images",
    "split",
]
