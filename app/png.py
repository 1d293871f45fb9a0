"""Pictures for the eye."""

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def png(image: NDArray[np.floating[Any]]) -> bytes:
    """A PNG of an image, cut to [0, 1] and rounded to 8 bits.

    Args:
        image: Shape (3, height, width).
    """
    eight = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    file = BytesIO()
    Image.fromarray(np.moveaxis(eight, 0, -1)).save(file, "PNG")
    return file.getvalue()
