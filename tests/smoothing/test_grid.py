"""The quick way to sound rows is float64's way, to the last bit."""

from concurrent.futures import ThreadPoolExecutor
from itertools import product
from math import pi

import numpy as np
import pytest

from smoothing import Phase
from smoothing.draws import Draws, draw_rows
from smoothing.grid import Strip, _Block, _error
from smoothing.noise import _polar, standard_normals
from smoothing.philox import Words, stream_of

KEY = bytes(range(32))
STREAM = stream_of(KEY, Phase.ESTIMATION)

# The ends of the range of a word, and of its upper 53 bits, and the middle, where an angle turns.
EXTREME = [0, 1 << 11, (1 << 63) - 1, 1 << 63, (1 << 63) + (1 << 11), (1 << 64) - 1]


class Told(Words):
    """The same words at every address."""

    def __init__(self, words: np.ndarray) -> None:
        super().__init__()
        self._told = words

    def uniforms(self, _stream, _draw, *, out: np.ndarray) -> None:
        """Upper 53 bits, as multiples of 2^-53."""
        out[:] = (self._told >> np.uint64(11)) * 2.0**-53


def uniform(shape, *, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 2, shape).astype(np.float32)


def in_float64(image, sigma: float, start: int, stop: int) -> np.ndarray:
    normals = standard_normals(KEY, Phase.ESTIMATION, start, stop, image.size, dtype=np.float64)
    sums = 255.0 * image.astype(np.float64).ravel() + (255.0 * sigma) * normals
    rows = np.rint(sums).astype(np.float32) / np.float32(255)
    return rows.reshape(stop - start, *image.shape)


def rows(image, sigma: float, start: int, stop: int) -> np.ndarray:
    return Draws(
        image=image, sigma=sigma, key=KEY, phase=Phase.ESTIMATION, start=start, stop=stop
    ).rows()


@pytest.mark.parametrize(
    ("shape", "draws", "sigma"),
    [
        ((3, 32, 32), 700, 0.02),
        ((3, 32, 32), 700, 0.25),
        ((3, 32, 32), 300, 1.0),
        ((3, 32, 32), 100, 10.0),
        ((1, 1, 1), 200, 0.5),
        ((1, 5, 7), 333, 0.12),
        ((3, 8, 8), 50, 500.0),
        ((3, 224, 224), 2, 0.5),
    ],
)
def test_quick_rows_equal_those_in_float64(shape, draws: int, sigma: float) -> None:
    image = uniform(shape)

    assert np.array_equal(rows(image, sigma, 3, 3 + draws), in_float64(image, sigma, 3, 3 + draws))


def test_half_integers_of_the_image_are_rounded_as_in_float64() -> None:
    """Without noise to speak of, every value is a tie."""
    image = ((np.arange(192) + 0.5) / 255).astype(np.float32).reshape(3, 8, 8)

    assert np.array_equal(rows(image, 1e-6, 0, 50), in_float64(image, 1e-6, 0, 50))


@pytest.mark.parametrize("sigma", [0.02, 0.5])
def test_words_that_no_draw_may_ever_meet_are_rounded_as_in_float64(sigma: float) -> None:
    """And where a value is computed again, it has float64's bits, not only its integer."""
    words = np.array([*zip(*product(EXTREME, EXTREME), strict=True)], dtype=np.uint64).ravel()
    half, image = len(words) // 2, uniform((len(words),))
    radius, angle = _polar(words[None], half, np.float64)
    normals = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    block = _Block(len(words), 1)
    block._words = Told(words)
    strip = Strip(image, 255 * sigma, STREAM, range(1))

    integers = block.integers([strip])
    uniforms = (words >> np.uint64(11))[None] * 2.0**-53
    again = block._normals(
        np.log(uniforms[:, :half] + 2.0**-53),
        uniforms[:, half:],
        np.zeros(len(words), dtype=np.intp),
        np.arange(len(words)),
    )

    assert np.array_equal(
        integers, np.rint(255.0 * image.astype(np.float64) + 255 * sigma * normals)
    )
    assert np.array_equal(again, normals[0])


@pytest.mark.parametrize("sigma", [0.01, 0.25, 1.0, 4.0])
def test_float32_sums_are_within_their_bound(sigma: float) -> None:
    scale = np.full((200, 1), 255 * sigma)
    strip = Strip(uniform((3_072,)), 255 * sigma, STREAM, range(200))
    uniforms = np.stack([Words().raw(STREAM, draw, 3_072) for draw in range(200)]) >> np.uint64(11)
    logs = np.log((uniforms[:, :1_536] + 1.0) * 2.0**-53)
    sums = np.empty((200, 3_072), dtype=np.float32)

    _Block(3_072, 200)._add_quickly(logs, uniforms[:, 1_536:] / 2.0**53, scale, [strip], sums)

    normals = standard_normals(KEY, Phase.ESTIMATION, 0, 200, 3_072, dtype=np.float64)
    exact = 255.0 * strip.pixels.astype(np.float64) + 255 * sigma * normals
    assert np.abs(sums - exact).max() < 0.8 * _error(scale)[0, 0]


@pytest.mark.parametrize("function", [np.cos, np.sin])
def test_float32_waves_are_as_good_as_assumed(function) -> None:
    """The bound on the sum assumes 4 units in the last place of a float32 below 1."""
    angles = np.linspace(0, 2 * pi, 2_000_001).astype(np.float32)

    error = np.abs(function(angles) - function(angles.astype(np.float64)))

    assert error.max() < 4 * 2.0**-24


def test_few_values_are_computed_twice(monkeypatch) -> None:
    seen = []

    def count(_block, _logs, _turns, row, _column) -> np.ndarray:
        seen.append(row.size)
        return np.zeros(row.size)

    monkeypatch.setattr(_Block, "_normals", count)

    rows(np.zeros((3, 32, 32), dtype=np.float32), 0.25, 0, 100)

    assert 0 < sum(seen) < 0.01 * 100 * 3_072


def test_slices_of_many_jobs_are_what_each_is_alone() -> None:
    """However many rows a slice has, and wherever a block of rows ends."""
    lengths = [1, 1, 30, 2, 90, 1, 21, 1]
    slices = [
        Draws(
            image=uniform((3, 32, 32), seed=index),
            sigma=[0.25, 2.0, 0.03][index % 3],
            key=bytes([index // 2] * 32),
            phase=[Phase.SELECTION, Phase.ESTIMATION][index % 2],
            start=index,
            stop=index + length,
            numerics="fast" if index in (4, 6) else "sound",
        )
        for index, length in enumerate(lengths)
    ]
    packed = np.full((sum(lengths), 3, 32, 32), np.nan, dtype=np.float32)

    draw_rows(slices, packed)

    assert np.array_equal(packed, np.concatenate([draws.rows() for draws in slices]))


def test_threads_draw_the_same() -> None:
    image = uniform((3, 16, 16))
    with ThreadPoolExecutor(4) as pool:
        parts = pool.map(lambda start: rows(image, 0.5, start, start + 25), range(0, 200, 25))

        assert np.array_equal(np.concatenate(list(parts)), rows(image, 0.5, 0, 200))
