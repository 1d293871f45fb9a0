"""An upload that cannot be certified says why, by a stable code and with the limits."""

import struct
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.fuzz.corpus import SIGNATURE, chunk

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

Picture = Callable[..., bytes]
Problem = Callable[..., dict[str, Any]]


def png_claiming(width: int, height: int) -> bytes:
    """A PNG whose header promises a size, with pixels that compress to nearly nothing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(100_000))
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


UPLOADS: dict[str, tuple[Callable[[Picture], bytes], int, str, str]] = {
    "text": (lambda _: b"not an image", 415, "unsupported-image", "not_an_image"),
    "nothing": (lambda _: b"", 422, "unreadable-image", "empty"),
    "truncated": (lambda picture: picture()[:-40], 422, "unreadable-image", "damaged"),
    "1x1": (lambda picture: picture(size=(1, 1)), 422, "unreadable-image", "too_small"),
    "bomb": (lambda _: png_claiming(8_000, 8_000), 413, "image-too-large", "too_large"),
    "20,000 wide": (lambda _: png_claiming(20_000, 8), 413, "image-too-large", "too_large"),
    "GIF": (lambda picture: picture(form="GIF"), 415, "unsupported-image", "format"),
    "animated GIF": (
        lambda picture: picture(form="GIF", mode="P", save_all=True),
        415,
        "unsupported-image",
        "format",
    ),
    "CMYK": (
        lambda picture: picture(form="JPEG", mode="CMYK"),
        415,
        "unsupported-image",
        "cmyk",
    ),
}


@pytest.mark.parametrize("name", UPLOADS)
async def test_an_upload_that_cannot_be_certified_says_why(
    service: Any, picture: Picture, problem: Problem, name: str
) -> None:
    make, status, slug, reason = UPLOADS[name]

    body = problem(await service.certify(make(picture)), status, slug)

    (error,) = body["errors"]
    assert error["field"] == "image"
    assert error["value"] == f"{len(make(picture))} bytes"
    assert error["detail"].startswith(f"{reason}: ")
    assert error["limit"]["max_side"] == 10_000
    assert error["limit"]["min_side"] == 8


@pytest.mark.parametrize(
    ("data", "hint"), [(b"my photo.JPG", True), (b"@cat.png", True), (b"hello", False)]
)
async def test_a_name_in_the_place_of_a_file_is_seen_through(
    service: Any, problem: Problem, data: bytes, *, hint: bool
) -> None:
    body = problem(await service.certify(data), 415, "unsupported-image")

    assert body["detail"].endswith("which curl sends as -F image=@NAME") is hint
