"""Noise is Gaussian, lies on the grid, and depends on its address alone."""

from hashlib import sha256
from math import inf, nan, pi

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, kstest, norm

from smoothing import InvalidParams, Phase
from smoothing.draws import Draws
from smoothing.noise import standard_normals
from smoothing.philox import NOISE_SCHEME

SELECTION, ESTIMATION = Phase.SELECTION, Phase.ESTIMATION
KEY = bytes(range(32))
DTYPES = [np.float64, np.float32]
WORD = 2.0**-53


def normals(start=0, stop=200, size=3_072, *, key=KEY, phase=SELECTION, dtype=np.float64):
    return standard_normals(key, phase, start, stop, size, dtype=dtype)


def rows(image, *, sigma=0.25, key=KEY, phase=SELECTION, start=0, stop=8, numerics="sound"):
    return Draws(
        image=image, sigma=sigma, key=key, phase=phase, start=start, stop=stop, numerics=numerics
    ).rows()


def grey(value: float, size: int = 8) -> np.ndarray:
    return np.full((3, size, size), value, dtype=np.float32)


def words_at(phase: int, draw: int, count: int) -> list[int]:
    """The raw words of an address, without the code under test."""
    key = np.frombuffer(sha256(NOISE_SCHEME.encode() + KEY).digest()[:16], dtype="<u8")
    return np.random.Philox(key=key, counter=[0, draw, phase, 0]).random_raw(count).tolist()


@settings(max_examples=40)
@given(st.data(), st.sampled_from(DTYPES), st.sampled_from([1, 7, 48, 3_072]))
def test_a_split_range_is_the_same_noise(data, dtype, size: int) -> None:
    stop = data.draw(st.integers(2, 40))
    cut = data.draw(st.integers(1, stop - 1))

    whole = normals(0, stop, size, dtype=dtype)
    parts = normals(0, cut, size, dtype=dtype), normals(cut, stop, size, dtype=dtype)

    assert whole.dtype == dtype
    assert np.array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("numerics", ["sound", "fast"])
def test_the_same_address_is_the_same_row(numerics) -> None:
    image = np.random.default_rng(0).random((3, 8, 8), dtype=np.float32)

    many = rows(image, stop=100, numerics=numerics)
    one = rows(image, start=63, stop=64, numerics=numerics)

    assert many.dtype == one.dtype == np.float32
    assert np.array_equal(many[63:64], one)


@pytest.mark.parametrize("phase", Phase)
def test_noise_is_the_box_muller_transform_of_its_words(phase: Phase) -> None:
    """In 40 digits, from the same words: off by a few units of the last place at most."""
    size, draw = 64, 5
    half = size // 2
    words = words_at(phase.index, draw, size)

    with mpmath.workdps(40):
        pairs = [
            (
                mpmath.sqrt(-2 * mpmath.log(mpmath.mpf((a >> 11) + 1) / 2**53)),
                2 * mpmath.pi * (mpmath.mpf((b - (b >> 63 << 64)) >> 11) + 0.5) / 2**53,
            )
            for a, b in zip(words[:half], words[half:], strict=True)
        ]
        exact = [r * mpmath.cos(t) for r, t in pairs] + [r * mpmath.sin(t) for r, t in pairs]
        error = max(
            abs(e - z)
            for e, z in zip(
                exact, normals(draw, draw + 1, size, phase=phase)[0].tolist(), strict=True
            )
        )

    assert error < 40 * WORD


def test_fast_noise_is_the_same_transform_of_half_words() -> None:
    """Lower half first; a uniform and an angle have 32 bits before they are float32."""
    words = np.array(words_at(0, 5, 64), dtype=np.uint64).view(np.uint32).tolist()

    with mpmath.workdps(40):
        pairs = [
            (
                mpmath.sqrt(-2 * mpmath.log(mpmath.mpf(a + 1) / 2**32)),
                2 * mpmath.pi * (mpmath.mpf(b - (b >> 31 << 32)) + 0.5) / 2**32,
            )
            for a, b in zip(words[:64], words[64:], strict=True)
        ]
        exact = [r * mpmath.cos(t) for r, t in pairs] + [r * mpmath.sin(t) for r, t in pairs]

    noise = normals(5, 6, 128, dtype=np.float32)[0]
    assert noise == pytest.approx([float(value) for value in exact], abs=2e-6)


@pytest.mark.parametrize(
    ("dtype", "phase", "expected"),
    [
        (np.float64, SELECTION, [-1.8039722, 0.5055229, -0.7362231, 0.4906576]),
        (np.float64, ESTIMATION, [0.3223369, -1.2496186, 1.6265976, -0.3159540]),
        (np.float32, SELECTION, [0.0366880, 0.3680262, 0.8278884, -1.9133471]),
        (np.float32, ESTIMATION, [0.3212422, -1.5249329, 1.3390591, 0.6513836]),
    ],
)
def test_an_address_has_the_noise_it_has_always_had(dtype, phase, expected) -> None:
    """Other noise would be a scheme of another name, and certificates could not be replayed."""
    assert NOISE_SCHEME == "philox4x64-10/box-muller"
    assert normals(7, 8, 4, phase=phase, dtype=dtype)[0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("function", "oracle", "unit"),
    [
        (np.log, mpmath.log, WORD),
        (np.cos, mpmath.cos, 2 * pi * WORD),
        (np.sin, mpmath.sin, 2 * pi * WORD),
    ],
)
def test_elementary_functions_are_as_good_as_assumed(function, oracle, unit: float) -> None:
    """The bound on the total variation assumes 4 units in the last place."""
    steps = np.random.default_rng(3).integers(1, 2**52, size=1_000)
    points = np.concatenate([steps, [1, 2, 3, 2**50, 2**51, 2**52]]) * unit

    with mpmath.workdps(40):
        exact = [oracle(mpmath.mpf(point)) for point in points.tolist()]
        values = function(points)
        errors = [
            abs(e - v) / u
            for e, v, u in zip(
                exact, values.tolist(), np.spacing(abs(values)).tolist(), strict=True
            )
        ]

    assert max(errors) < 4


@pytest.mark.parametrize("dtype", DTYPES)
def test_noise_is_standard_normal(dtype) -> None:
    sample = normals(dtype=dtype).astype(np.float64).ravel()

    assert kstest(sample, norm.cdf).pvalue > 1e-3
    assert sample.mean() == pytest.approx(0, abs=5 / sample.size**0.5)
    assert sample.var() == pytest.approx(1, abs=5 * (2 / sample.size) ** 0.5)
    assert (sample**4).mean() == pytest.approx(3, abs=5 * (96 / sample.size) ** 0.5)
    assert abs(sample).max() > 4.5


@pytest.mark.parametrize("size", [3_072, 3_071])
def test_coordinates_of_a_pair_are_independent(size: int) -> None:
    half = (size + 1) // 2
    sample = normals(size=size)
    cosines, sines = sample[:, : size - half], sample[:, half:]

    for power in (1, 2):
        correlation = np.corrcoef((cosines**power).ravel(), (sines**power).ravel())[0, 1]
        assert abs(correlation) < 5 / cosines.size**0.5


def test_draws_phases_and_keys_are_independent() -> None:
    """The largest of 44,850 sample correlations stays within what independence allows."""
    samples = [
        normals(0, 100),
        normals(0, 100, phase=ESTIMATION),
        normals(0, 100, key=bytes(32)),
    ]

    correlations = np.corrcoef(np.concatenate(samples))

    off_diagonal = correlations[~np.eye(300, dtype=bool)]
    assert abs(off_diagonal).max() < norm.isf(1e-9) / 3_072**0.5


def test_no_two_addresses_share_a_word() -> None:
    """A draw of 150,528 values stays within its own counters."""
    addresses = [(phase, draw) for phase in (0, 1) for draw in range(4)]

    words = [word for address in addresses for word in words_at(*address, 150_528)]

    assert len(set(words)) == len(words)


@pytest.mark.parametrize("bit", [0, 100, 255])
def test_every_bit_of_the_key_matters(bit: int) -> None:
    other = (int.from_bytes(KEY) ^ (1 << bit)).to_bytes(32)

    assert not np.isin(normals(stop=1, key=other), normals(stop=1)).any()


def test_sound_rows_lie_on_the_grid() -> None:
    image = np.random.default_rng(1).random((3, 8, 8), dtype=np.float32)

    noisy = rows(image, sigma=1.0, stop=50)

    integers = np.rint(noisy.astype(np.float64) * 255)
    assert np.array_equal(noisy, integers.astype(np.float32) / np.float32(255))


def test_sound_rows_are_not_clipped() -> None:
    noisy = rows(grey(0.5), sigma=1.0, stop=50)

    assert noisy.min() < -1
    assert noisy.max() > 2


@pytest.mark.parametrize(("value", "sigma"), [(0.4, 0.02), (0.5, 0.02), (0.0, 0.01), (1.0, 0.03)])
def test_sound_rows_have_the_exact_law_of_rounded_noise(value: float, sigma: float) -> None:
    image = grey(value, 16)

    noisy = rows(image, sigma=sigma, stop=400)

    centre, scale = 255 * float(image[0, 0, 0]), 255 * sigma
    cells = np.arange(np.floor(centre - 2.5 * scale), np.ceil(centre + 2.5 * scale) + 1)
    edges = np.concatenate([[-inf], cells + 0.5, [inf]])
    expected = np.diff(norm.cdf((edges - centre) / scale)) * noisy.size
    observed = np.bincount(
        np.searchsorted(edges[1:-1], 255 * noisy.ravel()), minlength=len(expected)
    )
    statistic = ((observed - expected) ** 2 / expected).sum()
    assert chi2.sf(statistic, len(expected) - 1) > 1e-4


def test_fast_rows_are_the_image_plus_scaled_noise() -> None:
    image = np.random.default_rng(2).random((3, 8, 8), dtype=np.float32)

    noisy = rows(image, sigma=0.5, numerics="fast")

    expected = normals(0, 8, 192, dtype=np.float32).reshape(8, 3, 8, 8) * np.float32(0.5) + image
    assert np.array_equal(noisy, expected)


def test_the_image_is_left_alone() -> None:
    image = grey(0.5)

    rows(image, numerics="sound")
    rows(image, numerics="fast")

    assert np.array_equal(image, grey(0.5))


@pytest.mark.parametrize(("shape", "sigma"), [((3, 224, 224), 1.5), ((3, 32, 32), 1e-7)])
def test_sound_noise_is_refused_where_it_is_not_proved(shape, sigma: float) -> None:
    image = np.zeros(shape, dtype=np.float32)

    with pytest.raises(InvalidParams, match="proved to within 1e-07") as caught:
        rows(image, sigma=sigma, stop=1)
    assert caught.value.field == "sigma"
    assert "fast noise would do" in str(caught.value)
    assert rows(image, sigma=sigma, stop=1, numerics="fast").shape == (1, *shape)


@pytest.mark.parametrize("value", [-1.01, 2.01, nan, inf])
def test_an_image_far_outside_the_unit_range_is_refused(value: float) -> None:
    image = grey(0.5)
    image[0, 0, 0] = value

    with pytest.raises(InvalidParams, match=r"\[-1, 2\]") as caught:
        rows(image)
    assert caught.value.field == "image"


@pytest.mark.parametrize("value", [-1.0, 2.0])
def test_an_image_may_reach_the_ends_of_what_is_proved(value: float) -> None:
    assert rows(grey(value), stop=1).shape == (1, 3, 8, 8)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(InvalidParams, match=f"32 bytes, got {length}"):
        normals(key=bytes(length))


@pytest.mark.parametrize(("start", "stop"), [(-1, 2), (2, 2), (3, 2)])
def test_an_empty_range_is_refused(start: int, stop: int) -> None:
    with pytest.raises(InvalidParams, match="start < stop"):
        normals(start, stop)


def test_a_draw_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidParams, match="size must be at least 1"):
        normals(size=0)
