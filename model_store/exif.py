"""Orientation from EXIF: the one thing in it that moves pixels."""

import struct

from model_store.image_file import Pixels

_ORIENTATION = 0x0112
_FORMATS = {3: "H", 4: "I"}  # SHORT as the standard says, LONG as some cameras write
_MAX_ENTRIES = 1_000


def orientation(exif: bytes | None) -> int | None:
    """The orientation tag, 1 to 8, or None where there is none that makes sense.

    Source:
        EXIF 2.32, section 4.6.4; TIFF 6.0, section 2.
    """
    if exif is None:
        return None
    try:
        value = _first_directory_entry(exif.removeprefix(b"Exif\0\0"))
    except struct.error:
        return None
    return value if value in range(1, 9) else None


def _first_directory_entry(tiff: bytes) -> int | None:
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return None
    magic, start = struct.unpack_from(order + "HI", tiff, 2)
    if magic != 42:
        return None
    (count,) = struct.unpack_from(order + "H", tiff, start)
    for index in range(min(count, _MAX_ENTRIES)):
        at = start + 2 + 12 * index
        tag, kind, num = struct.unpack_from(order + "HHI", tiff, at)
        if tag == _ORIENTATION and num == 1 and kind in _FORMATS:
            return struct.unpack_from(order + _FORMATS[kind], tiff, at + 8)[0]
    return None


def upright(pixels: Pixels, turn: int | None) -> Pixels:
    """The image as it is meant to be seen: a view of (height, width, channels) pixels.

    Args:
        pixels: As stored.
        turn: The orientation tag; None leaves the image as it is.
    """
    if turn in {5, 6, 7, 8}:
        pixels = pixels.swapaxes(0, 1)
    if turn in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    if turn in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    return pixels
