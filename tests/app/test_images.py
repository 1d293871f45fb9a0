"""Where uploads are decoded: what takes long leaves the event loop free."""

import asyncio
import threading
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from app import images
from app.errors import BadImage
from app.images import INLINE_BYTES, Images
from model_store.card import Preprocessing
from model_store.decoding import ImageLimits
from model_store.preprocessing import prepare

pytestmark = pytest.mark.anyio

HALF = (0.5, 0.5, 0.5)
SMALL = Preprocessing(size=8, resize="bilinear", resize_shorter=8, mean=HALF, std=HALF)


@pytest.fixture
def decoded_in(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The threads in which pixels were made into tensors."""
    threads: list[int] = []

    def noted(*args: Any) -> Any:
        threads.append(threading.get_ident())
        return prepare(*args)

    monkeypatch.setattr(images, "prepare", noted)
    return threads


def blank(side: int, kind: str, **options: Any) -> bytes:
    file = BytesIO()
    Image.new("1" if kind == "PNG" else "RGB", (side, side)).save(file, kind, **options)
    assert len(file.getvalue()) <= INLINE_BYTES
    return file.getvalue()


async def test_who_sends_many_slow_pictures_lets_another_be_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file of 100 bytes may take a second: a line of such would keep everybody else waiting."""
    sides: list[int] = []

    def noted(picture: Any, *args: Any) -> Any:
        sides.append(picture.pixels.shape[0])
        return prepare(picture, *args)

    monkeypatch.setattr(images, "prepare", noted)
    decoding = Images(ImageLimits(), threads=1)
    slow = [decoding.prepare(blank(1500, "PNG"), SMALL, tenant="slow") for _ in range(4)]
    other = decoding.prepare(blank(1400, "PNG"), SMALL, tenant="other")

    await asyncio.gather(*slow, other)

    assert sides == [1500, 1400, 1500, 1500, 1500]


@pytest.mark.parametrize("file", [blank(1500, "WEBP", lossless=True), blank(1500, "PNG")])
async def test_a_short_file_of_many_pixels_is_decoded_off_the_event_loop(
    decoded_in: list[int], file: bytes
) -> None:
    await Images(ImageLimits(), threads=1).prepare(file, SMALL, tenant="acme")

    assert len(decoded_in) == 1
    assert decoded_in != [threading.get_ident()]


async def test_a_small_picture_is_decoded_at_once(decoded_in: list[int]) -> None:
    await Images(ImageLimits(), threads=1).prepare(blank(32, "PNG"), SMALL, tenant="acme")

    assert decoded_in == [threading.get_ident()]


async def test_a_picture_over_the_limits_is_refused_with_them() -> None:
    limits = ImageLimits(max_pixels=100)

    with pytest.raises(BadImage, match="at most 100 are accepted"):
        await Images(limits, threads=1).prepare(blank(32, "PNG"), SMALL, tenant="acme")
