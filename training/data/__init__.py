"""Images in memory and batches of them."""

from training.data.batches import BatchSource, batch_indices
from training.data.folders import list_images
from training.data.image_set import ImageSet, Split, as_pixels, fetch, split
from training.data.memory_map import open_images
from training.data.sources import Source, open_source

__all__ = [
    "BatchSource",
    "ImageSet",
    "Source",
    "Split",
    "as_pixels",
    "batch_indices",
    "fetch",
    "list_images",
    "open_images",
    "open_source",
    "split",
]
