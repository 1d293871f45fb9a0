"""Where the images come from and how they become batches."""

from dataclasses import dataclass
from pathlib import Path

CIFAR10_MEAN = (0.4914, 0.4822, 0.4465)
CIFAR10_STD = (0.2471, 0.2435, 0.2616)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConfig:
    """Where the images are and how they are turned into batches.

    Attributes:
        path: Folder of class folders (ImageFolder layout) to train on.
        cache: Folder for the decoded images.
        crop_padding: Zero pixels added on each side before the random crop.
        flip: Mirror half of the images.
        validation_every: Every so many-th image is held out for validation.
        mean: Channel means that the model subtracts, inside, from [0, 1] pixels.
        std: Channel standard deviations that the model divides by.
    """

    path: Path = Path("data/train")
    cache: Path = Path("runs/cache")
    crop_padding: int = 4
    flip: bool = True
    validation_every: int = 50
    mean: tuple[float, float, float] = CIFAR10_MEAN
    std: tuple[float, float, float] = CIFAR10_STD
