"""Bicubic resampling of a box of each image of a batch, antialiased as Pillow's is.

Resampling is linear and separable: an image's rows and its columns are each multiplied by a matrix
of its own, so a whole batch is two batched matrix products, on any device.
"""

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

# Bounds the memory: the products are float32, and a batch may be thousands of images.
_AT_ONCE = 128


def resample(
    images: UInt8[Tensor, "b c h w"],
    first: Int[Tensor, "2 b"],
    length: Int[Tensor, "2 b"],
    mirrored: Bool[Tensor, " b"],
    size: int,
) -> UInt8[Tensor, "b c {size} {size}"]:
    """A box of each image, resized to `size` x `size`.

    Args:
        images: On any device.
        first: Uppermost row and leftmost column of each box, on the same device.
        length: Height and width of each box; it must lie in its image.
        mirrored: Which images to mirror.
        size: Side of the result.
    """
    down = axis_weights(first[0], length[0], size, images.shape[2])
    across = axis_weights(first[1], length[1], size, images.shape[3])
    across = torch.where(mirrored[:, None, None], across.flip(1), across)
    pieces = zip(images.split(_AT_ONCE), down.split(_AT_ONCE), across.split(_AT_ONCE), strict=True)
    return torch.cat([_apply(*piece) for piece in pieces])


def resized(images: UInt8[Tensor, "b c h w"], size: int) -> UInt8[Tensor, "b c {size} {size}"]:
    """Whole images, resized to `size` x `size`."""
    batch, _, height, width = images.shape
    if (height, width) == (size, size):
        return images
    sides = torch.tensor([[height], [width]], device=images.device).expand(2, batch)
    unmirrored = torch.zeros(batch, dtype=torch.bool, device=images.device)
    return resample(images, torch.zeros_like(sides), sides, unmirrored, size)


def axis_weights(
    first: Int[Tensor, " b"], length: Int[Tensor, " b"], size: int, side: int
) -> Float[Tensor, "b {size} {side}"]:
    """Weight of each of `side` samples in each of `size` resampled ones; rows add up to 1.

    Source: Pillow, Resample.c, bicubic (Keys' kernel, a = -0.5), for a crop that was cut out first.
    """
    scale = (length / size)[:, None, None]
    at = torch.arange(side, device=first.device) - first[:, None, None]
    centre = (torch.arange(size, device=first.device)[:, None] + 0.5) * scale
    weight = _keys((at + 0.5 - centre) / scale.clamp(min=1))
    weight = weight * ((at >= 0) & (at < length[:, None, None]))
    return weight / weight.sum(dim=2, keepdim=True)


def _keys(x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    x = x.abs()
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x < 1, near, torch.where(x < 2, far, 0.0))


def _apply(
    images: UInt8[Tensor, "b c h w"], down: Float[Tensor, "b s h"], across: Float[Tensor, "b s w"]
) -> UInt8[Tensor, "b c s s"]:
    pixels = down[:, None] @ images.float() @ across[:, None].mT
    return pixels.round().clamp(0, 255).to(torch.uint8)
