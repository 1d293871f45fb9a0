"""WebP: one still frame."""

import struct
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from model_store.decoding import decode
from model_store.errors import ImageTooLarge, NotAnImage, UnsupportedImage
from model_store.image_file import MAX_PARTS

Save = Callable[..., bytes]


@pytest.fixture(scope="module")
def translucent(photo: np.ndarray) -> np.ndarray:
    alpha = np.linspace(0, 255, 24 * 32).astype(np.uint8).reshape(24, 32, 1)
    return np.concatenate([photo, alpha], axis=2)


def test_lossless_is_exact(saved: Save, photo: np.ndarray) -> None:
    decoded = decode(saved(photo, "WEBP", lossless=True))

    assert np.array_equal(decoded.pixels, photo)
    assert decoded.record["lossless"] is True


def test_lossless_alpha_is_exact_with_hidden_colours(saved: Save, translucent: np.ndarray) -> None:
    decoded = decode(saved(translucent, "WEBP", lossless=True, exact=True))

    assert np.array_equal(decoded.pixels, translucent)
    assert decoded.record["alpha"] == "channel"


def test_lossy_is_what_libwebp_says(saved: Save, photo: np.ndarray) -> None:
    data = saved(photo, "WEBP", quality=80)

    decoded = decode(data)

    assert np.array_equal(decoded.pixels, np.asarray(Image.open(BytesIO(data))))
    assert decoded.record["lossless"] is False
    assert decoded.record["alpha"] is None


def test_lossy_alpha_is_what_libwebp_says(saved: Save, translucent: np.ndarray) -> None:
    data = saved(translucent, "WEBP", quality=80)

    decoded = decode(data)

    assert np.array_equal(decoded.pixels, np.asarray(Image.open(BytesIO(data))))
    assert np.array_equal(decoded.pixels[..., 3], translucent[..., 3])


def test_metadata_does_not_matter_and_a_profile_is_told(saved: Save, photo: np.ndarray) -> None:
    data = saved(photo, "WEBP", lossless=True, icc_profile=b"x" * 500, xmp=b"by someone")

    decoded = decode(data)

    assert np.array_equal(decoded.pixels, photo)
    assert decoded.record["icc_profile"] == "ignored"


def test_an_animation_is_refused(photo: np.ndarray) -> None:
    buffer = BytesIO()
    frames = [Image.fromarray(photo), Image.fromarray(255 - photo)]
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:])

    with pytest.raises(UnsupportedImage, match="the WebP is an animation") as caught:
        decode(buffer.getvalue())

    assert caught.value.reason == "animated"


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda data: data[:-10],
    "cut and length corrected": lambda data: (
        data[:4] + struct.pack("<I", 40) + data[8:16] + struct.pack("<I", 28) + data[20:48]
    ),
    "no chunks": lambda data: data[:4] + struct.pack("<I", 4) + data[8:12],
    "chunk over the end": lambda data: data[:16] + b"\xff\xff\xff\x7f" + data[20:],
    "no start code": lambda data: data[:23] + b"\0\0\0" + data[26:],
    "no width": lambda data: data[:26] + b"\0\0" + data[28:],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_refused(saved: Save, photo: np.ndarray, damage: str) -> None:
    data = DAMAGES[damage](saved(photo, "WEBP"))

    with pytest.raises(NotAnImage, match="the WebP is damaged: ") as caught:
        decode(data)

    assert caught.value.reason == "damaged"


def test_a_damaged_lossless_header_is_refused(saved: Save, photo: np.ndarray) -> None:
    data = saved(photo, "WEBP", lossless=True)

    with pytest.raises(NotAnImage, match="its pixels have no header"):
        decode(data[:20] + b"\0" + data[21:])


def test_a_canvas_of_another_size_is_refused(saved: Save, translucent: np.ndarray) -> None:
    data = saved(translucent, "WEBP", quality=80)
    assert data[12:16] == b"VP8X"

    with pytest.raises(NotAnImage, match="its canvas"):
        decode(data[:24] + b"\xff" + data[25:])


def _pieces(data: bytes) -> dict[bytes, bytes]:
    pieces: dict[bytes, bytes] = {}
    at = 12
    while at < len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length + length % 2
        pieces[name], at = data[at:end], end
    return pieces


def _file(*pieces: bytes) -> bytes:
    body = b"WEBP" + b"".join(pieces)
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(
    "order", ["VP8 VP8L", "VP8L VP8", "VP8X VP8 ALPH", "VP8X ALPH ALPH VP8", "VP8X ALPH VP8L"]
)
def test_pictures_that_decoders_see_differently_are_refused(
    saved: Save, photo: np.ndarray, translucent: np.ndarray, order: str
) -> None:
    pieces = _pieces(saved(translucent, "WEBP")) | _pieces(saved(photo, "WEBP", lossless=True))

    with pytest.raises(NotAnImage, match="more than one picture"):
        decode(_file(*(pieces[name.ljust(4).encode()] for name in order.split())))


@pytest.mark.parametrize("lossless", [False, True])
def test_an_alpha_channel_that_the_header_denies_is_refused(
    saved: Save, translucent: np.ndarray, lossless: bool
) -> None:
    pieces = _pieces(saved(translucent, "WEBP", lossless=lossless, xmp=b"by someone"))
    header = bytearray(pieces.pop(b"VP8X"))
    header[8] &= ~0x10

    with pytest.raises(NotAnImage, match="says that it has none"):
        decode(_file(bytes(header), *pieces.values()))


def test_a_turn_counts_where_the_header_tells_of_it_as_in_viewers(
    saved: Save, photo: np.ndarray
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(photo, "WEBP", lossless=True, exif=exif)
    pieces = _pieces(data)
    header = bytearray(pieces.pop(b"VP8X"))
    header[8] &= ~0x08

    assert decode(data).record["exif_orientation"] == 6
    for untold in (_file(*pieces.values()), _file(bytes(header), *pieces.values())):
        assert Image.open(BytesIO(untold)).getexif().get(0x0112) is None
        assert np.array_equal(decode(untold).pixels, photo)


def test_a_flood_of_chunks_is_refused(saved: Save, photo: np.ndarray) -> None:
    data = saved(photo, "WEBP", lossless=True)
    body = data[8:] + b"teSt\0\0\0\0" * MAX_PARTS

    with pytest.raises(UnsupportedImage, match="over 65536 chunks") as caught:
        decode(data[:4] + struct.pack("<I", len(body)) + body)

    assert caught.value.reason == "metadata"


def test_the_size_is_checked_before_pixels(saved: Save, photo: np.ndarray) -> None:
    data = bytearray(saved(photo, "WEBP", lossless=True))
    data[21:25] = struct.pack("<I", 16_382 | 16_382 << 14)

    with pytest.raises(ImageTooLarge, match="16383x16383"):
        decode(bytes(data))
