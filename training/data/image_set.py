"""Images in memory, and which of them are trained on."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from torch import Tensor

from training.data.resample import resized


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSet:
    """Decoded, labelled images.

    Attributes:
        images: (count, 3, side, side) uint8, memory-mapped.
        labels: Class index of each image.
        classes: Class names, by index.
        size: Side in pixels of the images in a batch, at most that of the decoded ones.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    size: int

    def pixels(self, index: NDArray[np.int64]) -> Float[Tensor, "b c h w"]:
        """The chosen images as they are, nothing random: float32 in [0, 1], `size` x `size`."""
        return as_pixels(resized(fetch(self.images, index), self.size))


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Indices of the images to train on and of those held out."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]


def split(count: int, *, every: int) -> Split:
    """Holds out every `every`-th image of the training set; none where `every` is 0."""
    index = np.arange(count, dtype=np.int64)
    held_out = index % every == every - 1 if every else np.zeros(count, dtype=bool)
    return Split(train=index[~held_out], validation=index[held_out])


def fetch(images: NDArray[np.uint8], index: NDArray[np.int64]) -> UInt8[Tensor, "b c h w"]:
    """The chosen images, copied out of the memory map."""
    return torch.from_numpy(np.ascontiguousarray(images[index]))


def as_pixels(images: UInt8[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Bytes as float32 pixels in [0, 1]."""
    return images.float() / 255
