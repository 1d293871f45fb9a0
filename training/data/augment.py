"""Random crops and mirroring, drawn for a whole batch and applied to any part of it.

What is drawn comes from a CPU generator, whatever the images are on, so every device sees the same
crops.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int, UInt8
from torch import Tensor
from torch.nn import functional

from training.config import DataConfig
from training.data.resample import resample

LARGEST_RATIO = 4 / 3
ATTEMPTS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """Crops of zero-padded images, of the images' own size.

    Attributes:
        corner: Uppermost row and leftmost column in the padded image.
        mirrored: Which images are mirrored.
        padding: Zero pixels on each side.
    """

    corner: Int[Tensor, "2 b"]
    mirrored: Bool[Tensor, " b"]
    padding: int

    def part(self, chosen: slice) -> "Windows":
        """Those of some of the images."""
        return Windows(
            corner=self.corner[:, chosen],
            mirrored=self.mirrored[chosen],
            padding=self.padding,
        )

    def apply(self, images: UInt8[Tensor, "b c h w"]) -> UInt8[Tensor, "b c h w"]:
        """The crops, on the images' device."""
        (height, width), device = images.shape[2:], images.device
        corner, mirrored = _to(device, self.corner, self.mirrored)
        rows, columns = (torch.arange(side, device=device)[None] for side in (height, width))
        columns = torch.where(mirrored[:, None], columns.flip(1), columns)
        padded = functional.pad(images, (self.padding,) * 4)
        return _gather(padded, corner[0, :, None] + rows, corner[1, :, None] + columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Boxes:
    """Boxes of the images, resized to `size` x `size`.

    Attributes:
        first: Uppermost row and leftmost column.
        length: Height and width.
        mirrored: Which images are mirrored.
        size: Side of the result.
    """

    first: Int[Tensor, "2 b"]
    length: Int[Tensor, "2 b"]
    mirrored: Bool[Tensor, " b"]
    size: int

    def part(self, chosen: slice) -> "Boxes":
        """Those of some of the images."""
        return Boxes(
            first=self.first[:, chosen],
            length=self.length[:, chosen],
            mirrored=self.mirrored[chosen],
            size=self.size,
        )

    def apply(self, images: UInt8[Tensor, "b c h w"]) -> UInt8[Tensor, "b c s s"]:
        """The boxes' content, on the images' device."""
        first, length, mirrored = _to(images.device, self.first, self.length, self.mirrored)
        return resample(images, first, length, mirrored, self.size)


Crops = Windows | Boxes


def draw_crops(
    config: DataConfig, count: int, *, side: int, size: int, generator: torch.Generator
) -> Crops:
    """The crops that a configuration asks for.

    Args:
        config: Says which kind, and whether to mirror.
        count: Number of images.
        side: Of the decoded images.
        size: Of the images in a batch.
        generator: A CPU one.
    """
    if config.crop_scale is None:
        return draw_windows(
            count, padding=config.crop_padding, flip=config.flip, generator=generator
        )
    return draw_boxes(
        count, config.crop_scale, side=side, size=size, flip=config.flip, generator=generator
    )


def draw_windows(count: int, *, padding: int, flip: bool, generator: torch.Generator) -> Windows:
    """Any window of the padded image is as likely as any other."""
    corner = torch.randint(0, 2 * padding + 1, (2, count, 1), generator=generator)
    mirrored = _draw_mirrored(count, flip=flip, generator=generator)
    return Windows(corner=corner[..., 0], mirrored=mirrored, padding=padding)


def draw_boxes(
    count: int,
    scale: tuple[float, float],
    *,
    side: int,
    size: int,
    flip: bool,
    generator: torch.Generator,
) -> Boxes:
    """Boxes of a random share of the area and a random ratio between 3:4 and 4:3.

    Args:
        count: Number of images.
        scale: Range of the share of the area.
        side: Of the images, which are square.
        size: Side of the result.
        flip: Mirror half of the images.
        generator: A CPU one.

    Source:
        torchvision, RandomResizedCrop: the first of 10 attempts that fits in the image, or else
        the whole image.
    """
    share = torch.empty(ATTEMPTS, count).uniform_(*scale, generator=generator)
    ratio = torch.empty(ATTEMPTS, count).uniform_(-1, 1, generator=generator)
    stretch = LARGEST_RATIO ** (ratio / 2)
    root = side * share.sqrt()
    tried = torch.stack([root / stretch, root * stretch]).round().long()
    fits = ((tried >= 1) & (tried <= side)).all(dim=0)
    chosen = fits.int().argmax(dim=0).expand(2, 1, count)
    length = torch.where(fits.any(dim=0), tried.gather(1, chosen)[:, 0], side)
    room = side - length + 1
    place = torch.rand(2, count, generator=generator)
    first = torch.minimum((place * room).long(), room - 1)
    mirrored = _draw_mirrored(count, flip=flip, generator=generator)
    return Boxes(first=first, length=length, mirrored=mirrored, size=size)


def _draw_mirrored(count: int, *, flip: bool, generator: torch.Generator) -> Bool[Tensor, " b"]:
    return torch.rand(count, generator=generator) < (0.5 if flip else 0.0)


def _to(device: torch.device, *drawn: Tensor) -> list[Tensor]:
    # Without blocking, so that the CPU need not wait for the device's earlier work.
    return [each.to(device, non_blocking=True) for each in drawn]


def _gather(
    images: UInt8[Tensor, "b c h w"], rows: Int[Tensor, "b r"], columns: Int[Tensor, "b k"]
) -> UInt8[Tensor, "b c r k"]:
    channels, width = images.shape[1], images.shape[3]
    tall = rows[:, None, :, None].expand(-1, channels, -1, width)
    wide = columns[:, None, None, :].expand(-1, channels, rows.shape[1], -1)
    return images.gather(2, tall).gather(3, wide)
