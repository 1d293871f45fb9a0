"""JPEG: grey and colour, as libjpeg decodes them."""

import struct
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from model_store.decoding import decode
from model_store.errors import NotAnImage, UnsupportedImage
from model_store.jpeg_file import MAX_SCANS

Save = Callable[..., bytes]


def _pillow(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(data)).convert("RGB"))


@pytest.mark.parametrize("subsampling", [0, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_colour_is_what_libjpeg_says(
    saved: Save, photo: np.ndarray, progressive: bool, subsampling: int
) -> None:
    data = saved(photo, "JPEG", progressive=progressive, subsampling=subsampling)

    decoded = decode(data)

    assert np.array_equal(decoded.pixels, _pillow(data))
    assert decoded.max_value == 255
    assert decoded.record["progressive"] is progressive
    assert np.abs(decoded.pixels[:, :16].astype(int) - photo[:, :16]).mean() < 12


def test_grey_becomes_three_equal_channels(saved: Save, photo: np.ndarray) -> None:
    data = saved(photo[..., 0], "JPEG")

    decoded = decode(data)

    assert decoded.pixels.shape == (24, 32, 3)
    assert np.array_equal(decoded.pixels, _pillow(data))
    assert decoded.record["mode"] == "grey"


def test_colour_stored_as_rgb_is_not_taken_for_ycbcr(saved: Save, photo: np.ndarray) -> None:
    data = saved(photo, "JPEG", keep_rgb=True, quality=100)

    assert np.abs(decode(data).pixels.astype(int) - photo).max() <= 3


def test_cmyk_is_refused_with_the_reason(photo: np.ndarray) -> None:
    buffer = BytesIO()
    Image.fromarray(photo).convert("CMYK").save(buffer, "JPEG")

    with pytest.raises(UnsupportedImage, match="CMYK or YCCK") as caught:
        decode(buffer.getvalue())

    assert caught.value.reason == "cmyk"


def test_metadata_does_not_matter_and_a_profile_is_told(saved: Save, photo: np.ndarray) -> None:
    plain = saved(photo, "JPEG")
    loaded = saved(photo, "JPEG", icc_profile=b"x" * 70_000, comment="by someone")

    decoded = decode(loaded)

    assert np.array_equal(decoded.pixels, decode(plain).pixels)
    assert decoded.record["icc_profile"] == "ignored"
    assert decode(plain).record["icc_profile"] is None


def test_bytes_between_segments_are_skipped_as_libjpeg_does(saved: Save, photo: np.ndarray) -> None:
    data = saved(photo, "JPEG")

    padded = data[:2] + b"\xff\xff\xff" + data[2:]

    assert np.array_equal(decode(padded).pixels, decode(data).pixels)


def _frame_at(data: bytes) -> int:
    return data.index(b"\xff\xc0")


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut in the pixels": lambda data: data[: len(data) - 200],
    "cut in the header": lambda data: data[:100],
    "start alone": lambda data: data[:4],
    "no frame": lambda data: data.replace(b"\xff\xc0", b"\xff\xfe"),
    "two frames": lambda data: data[:2] + data[_frame_at(data) : _frame_at(data) + 19] + data[2:],
    "no height": lambda data: data[: _frame_at(data) + 5] + b"\0\0" + data[_frame_at(data) + 7 :],
    "no tables": lambda data: data[: data.index(b"\xff\xdb")] + data[_frame_at(data) :],
    "end before pixels": lambda data: data[: _frame_at(data)] + b"\xff\xd9" + bytes(40),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_refused(saved: Save, photo: np.ndarray, damage: str) -> None:
    data = DAMAGES[damage](saved(photo, "JPEG"))

    with pytest.raises(NotAnImage, match="the JPEG is damaged: ") as caught:
        decode(data)

    assert caught.value.reason == "damaged"


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (1, 0xC3, "lossless"),
        (1, 0xC9, "arithmetic"),
        (4, 12, "3 components of 12 bits"),
        (9, 2, "2 components of 8 bits"),
    ],
)
def test_unusual_codings_are_refused(
    saved: Save, photo: np.ndarray, at: int, value: int, message: str
) -> None:
    data = bytearray(saved(photo, "JPEG"))
    data[_frame_at(bytes(data)) + at] = value

    with pytest.raises(UnsupportedImage, match=message) as caught:
        decode(bytes(data))

    assert caught.value.reason == "mode"


def test_a_flood_of_segments_is_refused(saved: Save, photo: np.ndarray) -> None:
    data = saved(photo, "JPEG")

    with pytest.raises(UnsupportedImage, match="over 65536 segments") as caught:
        decode(data[:2] + _segment(0xFE, b"") * 70_000 + data[2:])

    assert caught.value.reason == "metadata"


def test_a_flood_of_scans_is_refused(saved: Save, photo: np.ndarray) -> None:
    data = saved(photo, "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]

    with pytest.raises(UnsupportedImage, match="scans; at most 64") as caught:
        decode(data[:-2] + scan * MAX_SCANS + data[-2:])

    assert caught.value.reason == "mode"
