"""Mixup and CutMix of a whole batch: each image is mixed with its mirror place in the batch.

Both are one weighted mean, `lam * own + (1 - lam) * other`, under one map of weights for the whole
batch: the same number everywhere for mixup, 0 inside a box and 1 outside it for CutMix.

Source:
    Zhang et al. (2018), mixup; Yun et al. (2019), CutMix; in the batch form of timm, which MAE and
    DMAE fine-tune with.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def draw_lam(
    size: int, *, mixup: float, cutmix: float, generator: torch.Generator
) -> Float[Tensor, "size size"]:
    """How much of each pixel is the image's own, for all images of a batch.

    Drawn without a look at the values, so an accelerator is not waited for.

    Args:
        size: Side of the images in pixels.
        mixup: Alpha of the Beta(alpha, alpha) that mixup's lambda is drawn from; 0 for no mixup.
        cutmix: The same for CutMix; 0 for none. A fair coin decides between the two.
        generator: Draws everything, on its own device.
    """
    if not cutmix:
        return _beta(mixup, generator).float().expand(size, size)
    outside = (~_box(size, _beta(cutmix, generator), generator)).float()
    if not mixup:
        return outside
    heads = torch.rand((), generator=generator, device=generator.device) < 0.5
    return torch.where(heads, outside, _beta(mixup, generator).float())


def mix(
    images: Float[Tensor, "batch channels size size"], lam: Float[Tensor, "size size"]
) -> Float[Tensor, "batch channels size size"]:
    """Image i mixed with image batch - 1 - i."""
    return lam * images + (1 - lam) * images.flip(0)


def mix_labels(
    labels: Float[Tensor, "batch classes"], lam: Float[Tensor, "size size"]
) -> Float[Tensor, "batch classes"]:
    """The labels' probabilities, mixed as much as the pixels are on average."""
    own = lam.mean()
    return own * labels + (1 - own) * labels.flip(0)


def _beta(alpha: float, generator: torch.Generator) -> Float[Tensor, ""]:
    """A number from Beta(alpha, alpha), by two gammas."""
    shape = torch.full((2,), alpha, dtype=torch.float64, device=generator.device)
    # torch's own gamma takes a generator only by this private-looking but stable name.
    own, other = torch._standard_gamma(shape, generator=generator)  # noqa: SLF001 # pyright: ignore[reportPrivateImportUsage]
    return own / (own + other)


def _box(
    size: int, lam: Float[Tensor, ""], generator: torch.Generator
) -> Bool[Tensor, "size size"]:
    """A box of `1 - lam` of the area about a random pixel, cut off at the border."""
    device = generator.device
    side = (size * (1 - lam).sqrt()).long()
    centre = torch.randint(size, (2, 1), generator=generator, device=device)
    places = torch.arange(size, device=device)
    rows, columns = (places >= centre - side // 2) & (places < centre + (side + 1) // 2)
    return rows[:, None] & columns
