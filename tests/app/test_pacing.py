"""Numbers that follow from a measured speed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pacing import chunk_size, default_n, poll_after_s, whole_s

speeds = st.floats(min_value=0.01, max_value=1e7)


@given(speeds)
def test_a_chunk_is_whole_sixteens_within_its_bounds(speed: float) -> None:
    size = chunk_size(speed)

    assert 16 <= size <= 10_000
    assert size % 16 == 0 or size == 10_000


@given(st.floats(min_value=100, max_value=19_000))
def test_a_chunk_lasts_about_half_a_second(speed: float) -> None:
    assert chunk_size(speed) / speed == pytest.approx(0.5, abs=8 / speed + 1e-9)


@given(speeds, st.integers(1, 1_000_000))
def test_the_default_n_is_one_of_two(speed: float, at_most: int) -> None:
    assert default_n("fixed", speed, at_most=at_most) in {min(10_000, at_most), min(1_000, at_most)}


@given(speeds)
def test_the_large_default_is_done_in_two_minutes(speed: float) -> None:
    assert default_n("fixed", speed) == 1_000 or 10_100 / speed <= 120


@given(st.floats(min_value=0, max_value=1e9))
def test_a_retry_is_asked_for_between_a_second_and_an_hour(seconds: float) -> None:
    assert 1 <= whole_s(seconds) <= 3_600
    assert 1 <= poll_after_s(seconds) <= 10
