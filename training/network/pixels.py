"""From [0, 1] pixels at the size of the data to what a network takes."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def network_input(
    pixels: Float[Tensor, "batch channels size size"], *, size: int, mean: Tensor, std: Tensor
) -> Float[Tensor, "batch channels side side"]:
    """Pixels, noisy or clean, resampled to the network's size and then normalised.

    The noise is on the pixels already, so sigma is in units of a pixel of the data. Plain bicubic,
    as in `model_store.classifier`: what is trained is what is certified.

    Args:
        pixels: [0, 1] pixels plus noise, if any; not clipped.
        size: Side of the image that the network takes.
        mean: Channel means of [0, 1] pixels.
        std: Channel standard deviations of [0, 1] pixels.
    """
    if pixels.shape[-1] != size:
        pixels = functional.interpolate(
            pixels, size=(size, size), mode="bicubic", align_corners=False
        )
    return (pixels - mean) / std
