"""From decoded pixels to the tensor that is certified.

The map is linear in the pixels: divide by the largest sample, resize in float64 without rounding
or clipping, crop. So a perturbation d of the original pixels moves the tensor by A d, and
||A d|| <= ||A|| ||d||. The tensor is rounded to float32 once, at the end: those of two images x
and x' are at most ||A|| ||x' - x|| and twice the `rounding_slack` apart, which is what a radius in
the original's own pixels follows from.

Order of work: a grey sample to three equal channels, composition on white where there is alpha, the
shorter side to `resize_shorter` and the longer to the floor of the same ratio, then the centre
`size` x `size`. Pixels outside the crop do not count at all. To repeat a grey sample is part of A:
a move of the file's own numbers moves three times as many, and is sqrt(3) times as long.
"""

import hashlib
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_store.card import Preprocessing
from model_store.decoding import DecodedImage
from model_store.image_file import Pixels, RecordValue
from model_store.resize import Axis, resize_axis

_FLOAT32 = 2.0**-24
_FLOAT64 = 2.0**-53
_REPEATED = math.nextafter(math.sqrt(3), math.inf)
"""Spectral norm of the map from a grey sample to three equal channels, rounded up."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CertifiedImage:
    """The tensor that noise is added to, and how it depends on the original pixels.

    Attributes:
        tensor: float32 (3, size, size), read-only; about [0, 1], bicubic may overshoot.
        sha256: Of the text "float32 little-endian (3, S, S)" with S as a number, a newline, and
            the tensor's bytes: channels, then rows, then columns.
        spectral_norm: Upper bound on ||A||, the most that the tensor moves for a move of 1 of the
            original pixels, both in L2 and in units of a [0, 1] pixel; those of a grey file have
            one number each.
        rounding_slack: Upper bound on ||tensor - A x||, for any image x of this shape.
        original_size: Width and height of the image, upright.
        record: What was done, as plain JSON values, the decoder's record included.
    """

    tensor: NDArray[np.float32]
    sha256: str
    spectral_norm: float
    rounding_slack: float
    original_size: tuple[int, int]
    record: dict[str, RecordValue]


def prepare(decoded: DecodedImage, preprocessing: Preprocessing) -> CertifiedImage:
    """The tensor of an image, for a model that wants it so.

    Args:
        decoded: The pixels.
        preprocessing: From the model's card.
    """
    height, width = decoded.pixels.shape[:2]
    resized = _resized(height, width, preprocessing.resize_shorter)
    crop = tuple(_centre(length, preprocessing.size) for length in resized)
    down, across = (
        resize_axis(length, to, first, preprocessing.size, preprocessing.resize)
        for length, to, first in zip((height, width), resized, crop, strict=True)
    )
    tensor = _apply(decoded, down, across).astype("<f4", order="C")
    tensor.flags.writeable = False
    same = resized == (height, width)
    return CertifiedImage(
        tensor=tensor,
        sha256=tensor_sha256(tensor),
        spectral_norm=_product_up(
            _product_up(down.norm, across.norm), _REPEATED if decoded.grey else 1.0
        ),
        rounding_slack=rounding_slack(down, across),
        original_size=(width, height),
        record={
            **decoded.record,
            "original_size": [width, height],
            "alpha_composed_on": "white" if _translucent(decoded) else None,
            "scale": f"1/{decoded.max_value}",
            "resize": None if same else f"{preprocessing.resize}, antialiased, float64",
            "resized_to": [resized[1], resized[0]],
            "crop_left_top": [crop[1], crop[0]],
            "size": preprocessing.size,
        },
    )


def tensor_sha256(tensor: NDArray[np.float32]) -> str:
    """Digest of a certified tensor, in hex; `CertifiedImage.sha256` says of which bytes."""
    shape = ", ".join(map(str, tensor.shape))
    digest = hashlib.sha256(f"float32 little-endian ({shape})\n".encode("ascii"))
    digest.update(np.ascontiguousarray(tensor, "<f4").data)
    return digest.hexdigest()


def rounding_slack(down: Axis, across: Axis) -> float:
    """Upper bound on the L2 distance from the float32 tensor to the exact A x, for x in [0, 1].

    A is the map with the float64 weights as they are. The samples of x are integers, also after
    composition, up to 2^32, and so exact in float64. With u = 2^-53 and g(k) = k u / (1 - k u),
    a sum of k products is off by at most g(k) times the sum of absolute products, in any order.
    The first axis, of k terms and gain G, leaves |y' - y| <= g(k) G; the second, of m terms and
    gain H, leaves |z' - z| <= H (g(k) G) + g(m) H (1 + g(k)) G; the division by the largest sample
    adds u |z'|. Rounding to float32 adds 2^-24 |z'|, and |z'| is at most G H up to the above. Over
    the 3 S^2 numbers of the tensor this is at most their square root times as much. The constant
    1.001 covers the products of errors and the rounding of this very computation.

    Source:
        Higham (2002), Accuracy and Stability of Numerical Algorithms, section 3.1.
    """
    terms = down.terms + across.terms + 1
    largest = down.gain * across.gain
    numbers = 3 * len(down.starts) * len(across.starts)
    return math.sqrt(numbers) * largest * (_FLOAT32 + terms * _FLOAT64) * 1.001


def _resized(height: int, width: int, shorter: int) -> tuple[int, int]:
    """Source: torchvision, functional resize with one number for the size."""
    if height <= width:
        return shorter, shorter * width // height
    return shorter * height // width, shorter


def _centre(length: int, size: int) -> int:
    """Source: torchvision, functional center_crop."""
    return round((length - size) / 2)


def _product_up(a: float, b: float) -> float:
    product = a * b
    return product if a == 1 or b == 1 else math.nextafter(product, math.inf)


def _apply(decoded: DecodedImage, down: Axis, across: Axis) -> NDArray[np.float64]:
    """(3, size, size): A x."""
    white, has_alpha = decoded.max_value, decoded.pixels.shape[2] == 4
    kept = decoded.pixels[:, across.window]
    first, width, size = across.window.start, kept.shape[1], len(down.starts)
    rows = down.times(
        3 * width, lambda inputs: _composed(kept[inputs], white).reshape(-1, 3 * width)
    )
    columns = rows.reshape(size, width, 3).transpose(1, 2, 0).reshape(width, 3 * size)
    result = across.times(
        3 * size, lambda inputs: columns[inputs.start - first : inputs.stop - first]
    )
    result /= float(white * white if has_alpha else white)
    return result.reshape(-1, 3, size).transpose(1, 2, 0)


def _composed(pixels: Pixels, white: int) -> NDArray[np.float64]:
    """Integers in float64: samples, or samples on white times `white` where there is alpha."""
    samples = pixels[..., :3].astype(np.float64, order="C")
    if pixels.shape[2] == 4:
        alpha = pixels[..., 3:].astype(np.float64)
        samples *= alpha
        samples += white * (white - alpha)
    return samples


def _translucent(decoded: DecodedImage) -> bool:
    if decoded.pixels.shape[2] == 3:
        return False
    return int(decoded.pixels[..., 3].min()) < decoded.max_value
