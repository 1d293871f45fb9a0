"""Where the images come from and how they become batches."""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from training.config.checks import require

CIFAR10_MEAN = (0.4914, 0.4822, 0.4465)
CIFAR10_STD = (0.2471, 0.2435, 0.2616)
CIFAR100_MEAN = (0.5071, 0.4865, 0.4409)
CIFAR100_STD = (0.2673, 0.2564, 0.2762)
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

# What timm's rand_augment_transform understands; it passes over some of what it does not.
_RANDAUGMENT = re.compile(
    r"rand(-(m\d+|n\d+|p\d*\.?\d+|mstd\d*\.?\d+|mmax\d+|inc[01]|t(weights|3aw|3a|increasing)))*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConfig:
    """Where the images are and how they are turned into batches.

    Attributes:
        source: `folder`, class folders of images (ImageFolder layout); `cifar10`, `cifar100`,
            torchvision's own classes; `imagenet`, its train folder or the folder around it;
            `shapes`, a small labelled set that is drawn into `path`, and its test images into
            the folder `test` beside, where `path` does not exist.
        path: Folder to train on; for CIFAR the one that torchvision calls the root.
        cache: Folder for the decoded images.
        download: Let torchvision download CIFAR where it is missing.
        size: Side in pixels of the images in a batch; noise is added at this size. None for the
            network's own.
        stored_size: Side of the decoded images, for random crops of more than `size`. None for
            `size`.
        crop_padding: Zero pixels on each side before a random crop; not used with `crop_scale`.
        crop_scale: Range of the share of the image's area that a random crop has before it is
            resized to `size`; None for crops of padded images.
        flip: Mirror half of the images.
        randaugment: RandAugment in timm's spelling, such as rand-m9-mstd0.5-inc1; empty for none.
        workers: Processes that compute RandAugment; 0 for one a core but one, 8 at most.
        on_device: Whether the decoded images are kept on the device; `auto` where that is a GPU
            and they take at most a quarter of its free memory.
        validation_every: Every so many-th training image is held out for validation; 0 for none.
        mean: Channel means that the model subtracts, inside, from [0, 1] pixels.
        std: Channel standard deviations that the model divides by.
    """

    source: Literal["folder", "shapes", "cifar10", "cifar100", "imagenet"] = "folder"
    path: Path = Path("data/train")
    cache: Path = Path("runs/cache")
    download: bool = False
    size: int | None = None
    stored_size: int | None = None
    crop_padding: int = 4
    crop_scale: tuple[float, float] | None = None
    flip: bool = True
    randaugment: str = ""
    workers: int = 0
    on_device: Literal["auto", "always", "never"] = "auto"
    validation_every: int = 50
    mean: tuple[float, float, float] = CIFAR10_MEAN
    std: tuple[float, float, float] = CIFAR10_STD

    def __post_init__(self) -> None:
        self._check_sizes()
        require(
            self.validation_every != 1 and self.validation_every >= 0,
            f"data.validation_every must be 0 or above 1, got {self.validation_every}",
        )
        require(
            not self.randaugment or _RANDAUGMENT.fullmatch(self.randaugment) is not None,
            f"data.randaugment is no RandAugment policy of timm: {self.randaugment!r}; "
            "for example rand-m9-mstd0.5-inc1, or empty for none",
        )
        require(self.workers >= 0, f"data.workers must be 0 or above, got {self.workers}")
        require(
            not (self.randaugment and self.on_device == "always"),
            "data.randaugment is computed on the CPU: it does not go with data.on_device always",
        )
        require(all(map(math.isfinite, self.mean)), f"data.mean must be finite, got {self.mean}")
        require(
            all(0 < value < math.inf for value in self.std),
            f"data.std must be above 0 and finite, got {self.std}",
        )

    def _check_sizes(self) -> None:
        for name in ("size", "stored_size"):
            value = getattr(self, name)
            require(value is None or value >= 1, f"data.{name} must be 1 or above, got {value}")
        require(
            self.crop_padding >= 0, f"data.crop_padding must be 0 or above, got {self.crop_padding}"
        )
        if self.crop_scale is not None:
            low, high = self.crop_scale
            require(
                0 < low <= high <= 1,
                f"data.crop_scale must be two numbers, 0 < low <= high <= 1, got {low} {high}",
            )
        require(
            self.stored_size is None or self.crop_scale is not None,
            f"data.stored_size {self.stored_size} is for random resized crops: give a crop_scale",
        )

    def stored_side(self, size: int) -> int:
        """Side of the decoded images, where those in a batch have the side `size`.

        Raises:
            BadConfig: It would be smaller than that, or the padding as large.
        """
        side = self.stored_size or size
        require(side >= size, f"data.stored_size must be at least the size {size}, got {side}")
        require(
            self.crop_scale is not None or self.crop_padding < size,
            f"data.crop_padding must be below the size {size}, got {self.crop_padding}",
        )
        return side
