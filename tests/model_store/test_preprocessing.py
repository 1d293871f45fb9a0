"""The certified tensor, and what its radius is worth in the original's pixels."""

import hashlib
import json
import math
from dataclasses import replace
from fractions import Fraction
from io import BytesIO

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jobs.document import radius_original
from model_store.card import Preprocessing
from model_store.decoding import DecodedImage, decode
from model_store.preprocessing import CertifiedImage, prepare
from model_store.resize import resize_axis

CIFAR = Preprocessing(
    size=32, resize="bicubic", resize_shorter=32, mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2)
)
IMAGENET = replace(CIFAR, size=224, resize_shorter=256, resize="bilinear")
SHAPES = [(32, 32), (40, 60), (61, 37), (8, 100), (100, 8), (480, 640), (33, 32)]


def decoded(pixels: np.ndarray) -> DecodedImage:
    return DecodedImage(pixels=pixels, max_value=int(np.iinfo(pixels.dtype).max), record={})


def grey_file(samples: np.ndarray) -> DecodedImage:
    file = BytesIO()
    Image.fromarray(samples).save(file, "PNG")
    return decode(file.getvalue())


def random_image(
    height: int, width: int, *, channels: int = 3, dtype: type = np.uint8
) -> DecodedImage:
    generator = np.random.default_rng(height * width)
    shape = (height, width, channels)
    return decoded(generator.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True))


@pytest.mark.parametrize("preprocessing", [CIFAR, IMAGENET])
@pytest.mark.parametrize(("height", "width"), SHAPES)
def test_torch_agrees(height: int, width: int, preprocessing: Preprocessing) -> None:
    image = random_image(height, width)

    prepared = prepare(image, preprocessing)

    left, top = prepared.record["crop_left_top"]
    columns, rows = prepared.record["resized_to"]
    size = preprocessing.size
    pixels = torch.from_numpy(image.pixels / 255).permute(2, 0, 1)[None]
    resized = torch.nn.functional.interpolate(
        pixels, size=(rows, columns), mode=preprocessing.resize, antialias=True
    )[0]
    expected = resized[:, top : top + size, left : left + size].numpy()
    np.testing.assert_allclose(prepared.tensor, expected, atol=1e-5)


def test_pillow_agrees_on_a_whole_image() -> None:
    image = random_image(60, 90)

    prepared = prepare(image, CIFAR)

    channel = Image.fromarray((image.pixels[..., 1] / 255).astype(np.float32))
    resized = np.asarray(channel.resize((48, 32), Image.Resampling.BICUBIC))
    np.testing.assert_allclose(prepared.tensor[1], resized[:, 8:40], atol=1e-5)


def test_an_image_of_the_certified_size_is_only_divided() -> None:
    image = random_image(32, 32)

    prepared = prepare(image, CIFAR)

    assert np.array_equal(
        prepared.tensor, (image.pixels / 255).astype(np.float32).transpose(2, 0, 1)
    )
    assert prepared.spectral_norm == 1
    assert prepared.record["resize"] is None


def test_sixteen_bits_are_divided_exactly() -> None:
    image = random_image(32, 32, dtype=np.uint16)

    prepared = prepare(image, CIFAR)

    expected = (image.pixels / 65_535).astype(np.float32).transpose(2, 0, 1)
    assert np.array_equal(prepared.tensor, expected)


def test_eight_and_sixteen_bits_of_one_image_are_one_tensor() -> None:
    image = random_image(50, 70)
    deep = decoded(image.pixels.astype(np.uint16) * 257)

    assert np.abs(prepare(image, CIFAR).tensor - prepare(deep, CIFAR).tensor).max() < 1e-7


def test_overshoot_is_kept() -> None:
    edge = np.zeros((64, 64, 3), np.uint8)
    edge[:, 30:] = 255

    tensor = prepare(decoded(edge), CIFAR).tensor

    assert tensor.min() < -0.01
    assert tensor.max() > 1.01


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_alpha_is_composed_on_white_before_anything_else(dtype: type) -> None:
    image = random_image(32, 32, channels=4, dtype=dtype)
    white = image.max_value

    prepared = prepare(image, CIFAR)

    value, alpha = (int(image.pixels[5, 6, channel]) for channel in (1, 3))
    exact = Fraction(value * alpha + white * (white - alpha), white * white)
    assert prepared.tensor[1, 5, 6] == np.float32(float(exact))
    assert prepared.record["alpha_composed_on"] == "white"


def test_full_alpha_changes_nothing() -> None:
    image = random_image(40, 50)
    opaque = np.concatenate([image.pixels, np.full((40, 50, 1), 255, np.uint8)], axis=2)

    prepared = prepare(decoded(opaque), CIFAR)

    np.testing.assert_allclose(prepared.tensor, prepare(image, CIFAR).tensor, atol=1e-7)
    assert prepared.record["alpha_composed_on"] is None


def test_the_map_is_linear() -> None:
    one, two = (random_image(60, 41).pixels // 3, random_image(41, 60).pixels.swapaxes(0, 1) // 2)

    summed = prepare(decoded(one + two), CIFAR).tensor

    parts = prepare(decoded(one), CIFAR).tensor + prepare(decoded(two), CIFAR).tensor
    np.testing.assert_allclose(summed, parts, atol=1e-6)


def test_a_view_of_pixels_gives_the_same_tensor_as_a_copy() -> None:
    turned = random_image(90, 70).pixels.swapaxes(0, 1)[:, ::-1]
    grey = np.broadcast_to(turned[..., :1], turned.shape)

    for view in (turned, grey):
        ours, copied = prepare(decoded(view), CIFAR), prepare(decoded(view.copy()), CIFAR)
        assert ours.sha256 == copied.sha256


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    image = random_image(700, 900)
    whole = prepare(image, CIFAR).tensor

    monkeypatch.setattr("model_store.resize._BLOCK_NUMBERS", 10_000)

    np.testing.assert_allclose(prepare(image, CIFAR).tensor, whole, atol=1e-7)


@pytest.mark.parametrize(("height", "width"), [(10_000, 8), (8, 10_000), (9_000, 700)])
def test_extreme_shapes_are_prepared(height: int, width: int) -> None:
    prepared = prepare(random_image(height, width), CIFAR)

    assert prepared.tensor.shape == (3, 32, 32)
    assert prepared.original_size == (width, height)


def test_the_digest_is_of_the_documented_bytes() -> None:
    prepared = prepare(random_image(40, 40), CIFAR)

    text = b"float32 little-endian (3, 32, 32)\n" + prepared.tensor.astype("<f4").tobytes()
    assert prepared.sha256 == hashlib.sha256(text).hexdigest()


def test_the_tensor_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        prepare(random_image(32, 32), CIFAR).tensor[0, 0, 0] = 1


def test_the_record_tells_every_step_as_plain_json() -> None:
    image = replace(random_image(40, 60), record={"format": "PNG"})

    record = prepare(image, CIFAR).record

    assert json.loads(json.dumps(record)) == {
        "format": "PNG",
        "original_size": [60, 40],
        "alpha_composed_on": None,
        "scale": "1/255",
        "resize": "bicubic, antialiased, float64",
        "resized_to": [48, 32],
        "crop_left_top": [8, 0],
        "size": 32,
    }


def _exact(
    image: DecodedImage, preprocessing: Preprocessing, prepared: CertifiedImage
) -> list[Fraction]:
    """Some numbers of A x in rational arithmetic, with the float64 weights as they are."""
    height, width = image.pixels.shape[:2]
    columns, rows = prepared.record["resized_to"]
    left, top = prepared.record["crop_left_top"]
    kernel, size = preprocessing.resize, preprocessing.size
    down = resize_axis(height, rows, top, size, kernel).dense(height)
    across = resize_axis(width, columns, left, size, kernel).dense(width)
    return [
        sum(
            (
                Fraction(down[i, r]) * Fraction(across[i, c]) * int(image.pixels[r, c, 0])
                for r in np.flatnonzero(down[i])
                for c in np.flatnonzero(across[i])
            ),
            Fraction(0),
        )
        / image.max_value
        for i in range(size)
    ]


@pytest.mark.parametrize(("height", "width"), [(8, 8), (13, 21), (30, 11)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_rounding_stays_within_its_slack(height: int, width: int, dtype: type) -> None:
    preprocessing = replace(CIFAR, size=8, resize_shorter=8)
    image = random_image(height, width, dtype=dtype)

    prepared = prepare(image, preprocessing)

    exact = _exact(image, preprocessing, prepared)
    off = [abs(Fraction(float(prepared.tensor[0, i, i])) - exact[i]) for i in range(8)]
    assert max(off) <= prepared.rounding_slack / math.sqrt(3 * 8 * 8)
    assert 0 < prepared.rounding_slack < 1e-5


@given(
    st.tuples(st.integers(8, 60), st.integers(8, 60)),
    st.sampled_from(["bicubic", "bilinear"]),
    st.integers(0, 2**32),
)
@settings(max_examples=40, deadline=None)
def test_no_two_images_move_apart_by_more_than_the_norm(
    shape: tuple[int, int], kernel: str, seed: int
) -> None:
    preprocessing = replace(CIFAR, size=16, resize_shorter=20, resize=kernel)
    generator = np.random.default_rng(seed)
    one, two = (generator.integers(0, 256, (*shape, 3), np.uint8) for _ in range(2))

    first, second = prepare(decoded(one), preprocessing), prepare(decoded(two), preprocessing)

    apart = np.linalg.norm((one.astype(float) - two) / 255)
    moved = np.linalg.norm(first.tensor.astype(float) - second.tensor)
    assert moved <= first.spectral_norm * apart + 2 * first.rounding_slack


def _worst_move(prepared: CertifiedImage, preprocessing: Preprocessing) -> np.ndarray:
    """The unit perturbation of the original that moves the tensor most."""
    width, height = prepared.original_size
    columns, rows = prepared.record["resized_to"]
    left, top = prepared.record["crop_left_top"]
    kernel, size = preprocessing.resize, preprocessing.size
    down = resize_axis(height, rows, top, size, kernel).dense(height)
    across = resize_axis(width, columns, left, size, kernel).dense(width)
    move = np.zeros((height, width, 3))
    move[..., 1] = np.outer(np.linalg.svd(down)[2][0], np.linalg.svd(across)[2][0])
    return move


@pytest.mark.parametrize("radius", [0.01, 0.25, 0.45])
@pytest.mark.parametrize(("height", "width"), [(32, 32), (20, 31), (90, 64), (300, 200)])
def test_the_original_radius_holds_in_the_worst_direction_and_is_tight(
    height: int, width: int, radius: float
) -> None:
    middle = np.full((height, width, 3), 32_768, np.uint16)
    before = prepare(decoded(middle), CIFAR)
    reach = radius_original(radius, before)
    steps = np.trunc(reach * _worst_move(before, CIFAR) * 65_535)

    after = prepare(decoded((middle + steps).astype(np.uint16)), CIFAR)

    moved = np.linalg.norm(after.tensor.astype(float) - before.tensor)
    assert np.linalg.norm(steps / 65_535) <= reach
    assert moved <= radius
    assert moved >= 0.8 * radius


@pytest.mark.parametrize(("height", "width"), [(32, 32), (20, 31), (300, 200)])
def test_the_original_radius_of_a_grey_file_is_over_its_one_channel(
    height: int, width: int
) -> None:
    middle = np.full((height, width), 32_768, np.uint16)
    before = prepare(grey_file(middle), CIFAR)
    reach = radius_original(0.25, before)
    steps = np.trunc(reach * _worst_move(before, CIFAR)[..., 1] * 65_535)

    after = prepare(grey_file((middle + steps).astype(np.uint16)), CIFAR)

    moved = np.linalg.norm(after.tensor.astype(float) - before.tensor)
    assert np.linalg.norm(steps / 65_535) <= reach
    assert 0.8 * 0.25 <= moved <= 0.25


def test_the_original_radius_is_floored_and_never_negative() -> None:
    prepared = prepare(random_image(64, 64), CIFAR)

    room = 0.25 - 2 * prepared.rounding_slack
    reach = radius_original(0.25, prepared)

    assert 0 <= room / prepared.spectral_norm - reach < 1.1e-6
    assert round(reach * 1e6) == pytest.approx(reach * 1e6)
    assert radius_original(0.0, prepared) == 0
    assert radius_original(1e-9, prepared) == 0


def test_pixels_outside_the_crop_do_not_count() -> None:
    image = random_image(32, 100)
    changed = image.pixels.copy()
    changed[:, :30] = 255 - changed[:, :30]

    assert prepare(image, CIFAR).sha256 == prepare(decoded(changed), CIFAR).sha256
