"""From the bytes of an upload to the tensor that is certified, off the event loop."""

import asyncio
import hashlib
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from app.errors import BadImage, Limit
from app.places import Places
from jobs.record import ImageRef
from model_store.card import Preprocessing
from model_store.decoding import ImageLimits, decode
from model_store.errors import ImageError, ImageTooLarge
from model_store.preprocessing import prepare

INLINE_BYTES = 4096
INLINE_PIXELS = 128 * 128
"""So small a picture takes less time than a thread would cost. Either alone says little: 38 bytes
can hold 33 megapixels."""

T = TypeVar("T")

ONLY_A_NAME = "; it holds the name of a file, which curl sends as -F image=@NAME"
_NAME = re.compile(rb"@?[^\0\r\n]{1,250}\.(?:png|jpe?g|webp)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedUpload:
    """An upload that can be certified.

    Attributes:
        ref: What it is, for the job.
        tensor: The certified tensor, float32 little-endian, channels first.
    """

    ref: ImageRef
    tensor: bytes


class Images:
    """Decodes and prepares uploads, a few at a time; tenants by turns, whatever one of them sends.

    Args:
        limits: Checked before anything is decoded.
        threads: How many at a time; the memory of that many decoded images is the most used.
    """

    def __init__(self, limits: ImageLimits, *, threads: int) -> None:
        self._limits = limits
        self._inline = replace(limits, max_pixels=min(limits.max_pixels, INLINE_PIXELS))
        self._places = Places(threads, most_each=threads)

    async def prepare(
        self, data: bytes, preprocessing: Preprocessing, *, tenant: str
    ) -> PreparedUpload:
        """The tensor of an upload.

        Args:
            data: The file.
            preprocessing: Of the model.
            tenant: Whose it is.

        Raises:
            BadImage: It is no image, a damaged one, or of a kind or size that is not certified.
        """
        try:
            if len(data) <= INLINE_BYTES:
                with suppress(ImageTooLarge):  # a header tells
                    return _prepare(data, preprocessing, self._inline)
            work = partial(_prepare, data, preprocessing, self._limits)
            return await self.in_turn(work, tenant=tenant)
        except ImageError as error:
            limit = describe(self._limits)
            hint = ONLY_A_NAME if _NAME.fullmatch(data) else ""
            raise BadImage(error, num_bytes=len(data), limit=limit, hint=hint) from error

    async def in_turn(self, work: Callable[[], T], *, tenant: str) -> T:
        """The result of work that decodes images, in a thread, when few others do the same.

        Args:
            work: What is to be done.
            tenant: For whom.
        """
        async with self._places.one(tenant):
            return await asyncio.to_thread(work)


def describe(limits: ImageLimits) -> Limit:
    """The limits, as an error names them."""
    return {
        "max_bytes": limits.max_bytes,
        "max_side": limits.max_side,
        "max_pixels": limits.max_pixels,
        "min_side": limits.min_side,
        "formats": ["PNG", "JPEG", "WebP"],
    }


def _prepare(data: bytes, preprocessing: Preprocessing, limits: ImageLimits) -> PreparedUpload:
    image = prepare(decode(data, limits), preprocessing)
    ref = ImageRef(
        upload_sha256=hashlib.sha256(data).hexdigest(),
        tensor_sha256=image.sha256,
        shape=(3, preprocessing.size, preprocessing.size),
        original_size=image.original_size,
        spectral_norm=image.spectral_norm,
        rounding_slack=image.rounding_slack,
        preprocessing=dict(image.record),
    )
    return PreparedUpload(ref=ref, tensor=image.tensor.tobytes())
