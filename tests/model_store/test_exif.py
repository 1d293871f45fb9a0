"""Orientation: from three formats, and from EXIF that is none."""

import struct
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from model_store.decoding import decode
from model_store.exif import orientation

Save = Callable[..., bytes]


def _exif(value: int, *, order: str = ">", kind: int = 3) -> bytes:
    start = b"MM\0*" if order == ">" else b"II*\0"
    number = struct.pack(
        order + ("HH" if kind == 3 else "I"), *((value, 0) if kind == 3 else (value,))
    )
    others = struct.pack(order + "HHI", 0x010F, 2, 4) + b"abc\0"
    entry = struct.pack(order + "HHI", 0x0112, kind, 1) + number
    count = struct.pack(order + "IH", 8, 2)
    return b"Exif\0\0" + start + count + others + entry + bytes(4)


@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_image_is_turned_upright_as_pillow_does(
    saved: Save, photo: np.ndarray, kind: str, value: int
) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    data = saved(photo, kind, exif=_exif(value), **options)

    decoded = decode(data)

    expected = ImageOps.exif_transpose(Image.open(BytesIO(data)))
    assert np.array_equal(decoded.pixels, np.asarray(expected))
    assert decoded.record["exif_orientation"] == value


@pytest.mark.parametrize("kind", [3, 4])
@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_and_both_number_types_are_read(order: str, kind: int) -> None:
    assert orientation(_exif(6, order=order, kind=kind)) == 6


@pytest.mark.parametrize("value", [0, 9, 255, 65_535])
def test_an_orientation_that_does_not_exist_turns_nothing(
    saved: Save, photo: np.ndarray, value: int
) -> None:
    decoded = decode(saved(photo, "PNG", exif=_exif(value)))

    assert np.array_equal(decoded.pixels, photo)
    assert decoded.record["exif_orientation"] is None


def test_an_image_without_exif_is_upright(saved: Save, photo: np.ndarray) -> None:
    assert decode(saved(photo, "PNG")).record["exif_orientation"] is None


@given(st.binary(max_size=80) | st.binary(max_size=60).map(lambda tail: b"MM\0*\0\0\0\x08" + tail))
def test_any_bytes_are_an_orientation_or_none(exif: bytes) -> None:
    assert orientation(exif) in {None, *range(1, 9)}


@pytest.mark.parametrize("keep", range(0, 46, 5))
def test_exif_cut_short_turns_nothing_or_is_whole(keep: int) -> None:
    assert orientation(_exif(6)[:keep]) in {None, 6}
