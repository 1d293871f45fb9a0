"""The edge: whatever the bytes, exact pixels or a reason."""

import time
import tracemalloc
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from model_store.decoding import DecodedImage, ImageLimits, decode
from model_store.errors import (
    ImageError,
    ImageTooLarge,
    ImageTooSmall,
    NotAnImage,
    UnsupportedImage,
)
from tests.fuzz.corpus import rechecked

Encode = Callable[..., bytes]
Chunk = Callable[[bytes, bytes], bytes]


@pytest.fixture(scope="session")
def valid(png: Encode, png_chunk: Chunk, saved: Encode, photo: np.ndarray) -> list[bytes]:
    """One valid file of every sort, to be damaged."""
    alpha = np.concatenate([photo, photo[..., :1]], axis=2)
    deep = photo[:9, :10].astype(int) * 257
    palette = png_chunk(b"PLTE", bytes(range(48))) + png_chunk(b"tRNS", bytes(range(16)))
    return [
        png(deep, depth=16, colour_type=2, interlaced=True),
        png(photo[:9, :10, :1] % 16, depth=4, colour_type=3, before=palette),
        png(deep[..., :1], depth=16, colour_type=0, before=png_chunk(b"tRNS", b"\0\0")),
        saved(alpha, "PNG"),
        saved(photo, "JPEG"),
        saved(photo, "JPEG", progressive=True, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0"),
        saved(photo[..., 0], "JPEG"),
        saved(photo, "WEBP"),
        saved(alpha, "WEBP"),
        saved(photo, "WEBP", lossless=True, icc_profile=b"x"),
    ]


def _outcome(data: bytes) -> DecodedImage | ImageError:
    try:
        return decode(data)
    except ImageError as error:
        return error


def _is_whole(outcome: DecodedImage | ImageError) -> bool:
    if isinstance(outcome, ImageError):
        return bool(outcome.reason) and bool(str(outcome))
    pixels = outcome.pixels
    return (
        pixels.ndim == 3
        and pixels.shape[2] in {3, 4}
        and min(pixels.shape[:2]) >= 8
        and pixels.dtype in (np.uint8, np.uint16)
        and outcome.max_value == np.iinfo(pixels.dtype).max
    )


STARTS = [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\x40\0\0\0WEBPVP8 ", b"GIF89a", b"BM"]


@given(st.sampled_from(STARTS), st.binary(max_size=300))
@example(b"", b"")
def test_any_bytes_are_pixels_or_a_reason(start: bytes, rest: bytes) -> None:
    assert _is_whole(_outcome(start + rest))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_valid_file_with_damage_is_pixels_or_a_reason(
    valid: list[bytes], data: st.DataObject
) -> None:
    whole = bytearray(data.draw(st.sampled_from(valid)))
    places = st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255))
    for at, value in data.draw(st.lists(places, max_size=6)):
        whole[at] = value
    cut = data.draw(st.integers(len(whole) // 2, len(whole)) | st.just(len(whole)))

    assert _is_whole(_outcome(bytes(whole[:cut])))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_png_that_lies_under_right_checksums_is_pixels_or_a_reason(
    valid: list[bytes], data: st.DataObject
) -> None:
    whole = bytearray(data.draw(st.sampled_from(valid[:4])))
    places = st.tuples(st.integers(16, len(whole) - 1), st.integers(0, 255))
    for at, value in data.draw(st.lists(places, min_size=1, max_size=3)):
        whole[at] = value

    assert _is_whole(_outcome(rechecked(bytes(whole))))


def test_every_valid_file_is_decoded(valid: list[bytes]) -> None:
    assert all(isinstance(_outcome(data), DecodedImage) for data in valid)


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "empty"), (b"hello, this is text", "not_an_image"), (bytes(100), "not_an_image")],
)
def test_what_is_no_image_is_told(data: bytes, reason: str) -> None:
    with pytest.raises(NotAnImage, match="PNG, JPEG and WebP are accepted") as caught:
        decode(data)

    assert caught.value.reason == reason


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "JPEG2000", "PDF", "AVIF", "ICO"])
def test_other_formats_are_named(photo: np.ndarray, kind: str) -> None:
    buffer = BytesIO()
    Image.fromarray(photo).save(buffer, kind)
    name = {"JPEG2000": "JPEG 2000", "ICO": "icon"}.get(kind, kind)

    with pytest.raises(
        UnsupportedImage, match=f"the file's format is {name}.*; PNG, JPEG"
    ) as caught:
        decode(buffer.getvalue())

    assert caught.value.reason == "format"


@pytest.mark.parametrize(
    ("size", "limits", "message"),
    [
        ((20_000, 20_000), {}, "20000x20000 pixels; at most 10000 a side"),
        ((10_001, 8), {}, "10001x8 pixels; at most 10000 a side"),
        ((8, 2**31), {}, "8x2147483648 pixels; at most 10000"),
        ((10_000, 5_001), {}, "10000x5001, 50010000 pixels; at most 50000000"),
        ((100, 100), {"max_side": 99}, "100x100 pixels; at most 99 a side"),
    ],
)
def test_a_bomb_is_refused_by_its_header(
    png: Encode, size: tuple[int, int], limits: dict[str, int], message: str
) -> None:
    tiny = png(np.zeros((8, 8, 3), int), depth=8, colour_type=2, size=size)

    with pytest.raises(ImageTooLarge, match=message) as caught:
        decode(tiny, ImageLimits(**limits))

    assert caught.value.reason == "too_large"


@pytest.mark.parametrize("name", [b"iCCP", b"zTXt", b"iTXt", b"IDAT"])
def test_a_chunk_that_unpacks_to_a_hundred_megabytes_is_not_unpacked(
    png: Encode, png_chunk: Chunk, name: bytes
) -> None:
    bomb = zlib.compress(bytes(100 * 2**20), 1)
    prefix = {b"IDAT": b"", b"iTXt": b"x\0\1\0\0\0"}.get(name, b"x\0\0")
    data = png(
        np.zeros((8, 8, 3), int), depth=8, colour_type=2, before=png_chunk(name, prefix + bomb)
    )

    tracemalloc.start()
    started = time.perf_counter()
    outcome = _outcome(data)
    took = time.perf_counter() - started
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert _is_whole(outcome)
    assert peak < 8 * 2**20
    assert took < 2


@pytest.mark.parametrize(("size", "told"), [((1, 1), "1x1"), ((7, 100), "7x100")])
def test_an_image_too_small_is_refused_with_the_limit(
    saved: Encode, size: tuple[int, int], told: str
) -> None:
    data = saved(np.zeros((size[1], size[0], 3), np.uint8), "PNG")

    with pytest.raises(ImageTooSmall, match=f"{told} pixels; at least 8 a side") as caught:
        decode(data)

    assert caught.value.reason == "too_small"


def test_a_file_too_long_is_refused_with_both_lengths() -> None:
    with pytest.raises(ImageTooLarge, match="has 101 bytes; at most 100") as caught:
        decode(bytes(101), ImageLimits(max_bytes=100))

    assert caught.value.reason == "too_many_bytes"


def test_pillows_own_limits_are_neither_used_nor_changed(
    png: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1)
    data = png(np.zeros((8, 8, 3), int), depth=8, colour_type=2)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        decoded = decode(data)

    assert decoded.pixels.shape == (8, 8, 3)
    assert Image.MAX_IMAGE_PIXELS == 1


def test_threads_do_not_disturb_each_other(valid: list[bytes]) -> None:
    alone = [decode(data).pixels for data in valid]

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda data: decode(data).pixels, valid * 8))

    assert all(
        np.array_equal(found, alone[index % len(valid)]) for index, found in enumerate(together)
    )


def test_the_record_is_plain_and_names_no_person(saved: Encode, photo: np.ndarray) -> None:
    exif = Image.Exif()
    exif[0x010E] = "holiday of someone"
    exif[0x0112] = 6

    record = decode(saved(photo, "JPEG", exif=exif.tobytes())).record

    assert record == {
        "format": "JPEG",
        "mode": "rgb",
        "bit_depth": 8,
        "alpha": None,
        "progressive": False,
        "icc_profile": None,
        "exif_orientation": 6,
    }
