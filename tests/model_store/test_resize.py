"""The resize matrices: Pillow's and torch's convention, linear, with a safe norm."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from model_store.resize import Kernel, resize_axis

KERNELS: list[Kernel] = ["bicubic", "bilinear"]
LENGTHS = [(32, 32), (500, 224), (375, 256), (10_000, 32), (17, 224), (8, 256), (31, 32), (33, 32)]


@st.composite
def axes(draw: st.DrawFn) -> tuple[int, int, int, int, Kernel]:
    length, resized = draw(st.integers(1, 300)), draw(st.integers(1, 80))
    size = draw(st.integers(1, resized))
    first = draw(st.integers(0, resized - size))
    return length, resized, first, size, draw(st.sampled_from(KERNELS))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("length", "resized"), LENGTHS)
def test_pillow_agrees_in_floating_point(length: int, resized: int, kernel: Kernel) -> None:
    signal = np.random.default_rng(0).random(length).astype(np.float32)

    ours = resize_axis(length, resized, 0, resized, kernel).dense(length) @ signal

    method = Image.Resampling[kernel.upper()]
    theirs = np.asarray(Image.fromarray(signal[None]).resize((resized, 1), method))[0]
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("length", "resized"), LENGTHS)
def test_torch_agrees_with_antialias(length: int, resized: int, kernel: Kernel) -> None:
    signal = np.random.default_rng(1).random(length)

    ours = resize_axis(length, resized, 0, resized, kernel).dense(length) @ signal

    image = torch.from_numpy(signal)[None, None, None].expand(1, 1, 2, length)
    theirs = torch.nn.functional.interpolate(
        image, size=(2, resized), mode=kernel, antialias=True, align_corners=False
    )[0, 0, 0]
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)


@given(axes())
def test_a_crop_keeps_rows_of_the_whole_map(axis: tuple[int, int, int, int, Kernel]) -> None:
    length, resized, first, size, kernel = axis

    cropped = resize_axis(length, resized, first, size, kernel).dense(length)

    whole = resize_axis(length, resized, 0, resized, kernel).dense(length)
    np.testing.assert_allclose(cropped, whole[first : first + size], atol=1e-15)


@given(axes())
def test_every_row_sums_to_one(axis: tuple[int, int, int, int, Kernel]) -> None:
    np.testing.assert_allclose(resize_axis(*axis).dense(axis[0]).sum(axis=1), 1, atol=1e-14)


@given(axes())
def test_the_norm_is_that_of_the_dense_matrix_rounded_up(
    axis: tuple[int, int, int, int, Kernel],
) -> None:
    ours = resize_axis(*axis)

    true = np.linalg.norm(ours.dense(axis[0]), ord=2)

    assert true <= ours.norm * (1 + 1e-14)
    assert ours.norm <= true * (1 + 1e-8)


@given(axes(), st.integers(0, 2**32))
def test_nothing_moves_further_than_the_norm(
    axis: tuple[int, int, int, int, Kernel], seed: int
) -> None:
    ours = resize_axis(*axis)
    move = np.random.default_rng(seed).normal(size=axis[0])

    moved = ours.dense(axis[0]) @ move

    assert np.linalg.norm(moved) <= ours.norm * np.linalg.norm(move)
    assert np.abs(moved).max() <= ours.gain * np.abs(move).max() * (1 + 1e-12)


@given(axes(), st.integers(1, 10**7))
def test_blocks_make_up_the_whole(axis: tuple[int, int, int, int, Kernel], columns: int) -> None:
    ours = resize_axis(*axis)
    rebuilt = np.zeros((axis[3], axis[0]))
    times_read = np.zeros(axis[0], int)

    for rows, inputs in ours.blocks(columns):
        rebuilt[rows, inputs] = ours.part(rows, inputs)
        times_read[inputs] += 1

    assert np.array_equal(rebuilt, ours.dense(axis[0]))
    assert (times_read[ours.window] == 1).all()


def test_the_same_size_is_the_identity() -> None:
    axis = resize_axis(40, 40, 4, 32, "bicubic")

    assert axis.norm == 1
    assert axis.terms == 0
    assert np.array_equal(axis.dense(40), np.eye(40)[4:36])


@pytest.mark.parametrize(
    ("height", "width", "factor"),
    [(375, 500, 1.46), (480, 640, 1.87), (1080, 1920, 4.2), (3000, 4000, 11.7), (224, 224, 0.87)],
)
def test_published_factors_of_the_original_radius(height: int, width: int, factor: float) -> None:
    down = resize_axis(height, 256, 0, 256, "bilinear")
    across = resize_axis(width, 256 * width // height, 0, 256, "bilinear")

    assert 1 / (down.norm * across.norm) == pytest.approx(factor, rel=0.01)
