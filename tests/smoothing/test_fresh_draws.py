"""What fresh draws prove of a class, and of the strongest of its rivals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, norm

from smoothing import (
    Certificate,
    Phase,
    SmoothingParams,
    Votes,
    procedure_for,
)

SELECTION, ESTIMATION = Phase.SELECTION, Phase.ESTIMATION


@pytest.mark.parametrize(
    ("top", "rivals", "invalid", "most"),
    [
        (900, (60, 40), 0, 60),
        (900, (100, 0), 0, 100),
        (450, (200, 350), 0, 350),
        (600, (20, 20), 360, 360),
    ],
)
def test_the_runner_up_is_whatever_outcome_has_most_votes(top, rivals, invalid, most) -> None:
    """Nine tenths of alpha bound the class, one tenth all others, by another library."""
    procedure = procedure_for(SmoothingParams(sigma=0.5, n0=10, n=1_000, bound="runner-up"), 3)
    fresh = Votes(counts=(top, *rivals), invalid=invalid)

    result = procedure.step({SELECTION: Votes(counts=(10, 0, 0)), ESTIMATION: fresh})

    lower = beta.ppf(0.0009, top, 1_000 - top + 1)
    upper = min(beta.isf(0.0001, most + 1, 1_000 - most), 1 - lower)
    exact = 0.25 * (norm.ppf(lower - 1e-7) - norm.ppf(upper + 1e-7))
    assert result.p_lower == pytest.approx(lower, rel=1e-11)
    assert result.p_runner_up_upper == pytest.approx(upper, rel=1e-11)
    assert (result.predicted is None) == (exact <= 0)
    assert exact - 1.1e-6 <= result.radius <= max(exact, 0)


def test_noise_is_paid_for_by_the_class_and_by_the_runner_up() -> None:
    """Where each of 100,000 draws agreed, a ten-millionth more or less can be seen."""
    tally = {SELECTION: Votes(counts=(9, 1, 0)), ESTIMATION: Votes(counts=(99_999, 1, 0))}

    sound, fast = (
        procedure_for(
            SmoothingParams(sigma=1.0, n0=10, n=100_000, bound="runner-up", numerics=numerics), 3
        ).step(tally)
        for numerics in ("sound", "fast")
    )

    lower, upper = sound.p_lower, sound.p_runner_up_upper
    paid = (norm.ppf(lower) - norm.ppf(lower - 1e-7) + norm.ppf(upper + 1e-7) - norm.ppf(upper)) / 2
    assert (fast.p_lower, fast.p_runner_up_upper) == (lower, upper)
    assert fast.radius - sound.radius == pytest.approx(paid, abs=1.1e-6)
    assert paid > 2e-4


def test_a_class_without_a_majority_can_be_certified_against_the_runner_up() -> None:
    fresh = Votes(counts=(200, 450, 200), invalid=150)
    tally = {SELECTION: Votes(counts=(0, 10, 0)), ESTIMATION: fresh}
    options = {"sigma": 0.5, "n0": 10, "n": 1_000}

    top = procedure_for(SmoothingParams(**options), 3).step(tally)
    runner_up = procedure_for(SmoothingParams(**options, bound="runner-up"), 3).step(tally)

    assert top.abstained
    assert runner_up.predicted == 1
    assert runner_up.radius > 0


@given(st.integers(0, 1_000), st.integers(0, 1_000), st.sampled_from(["top", "runner-up"]))
def test_more_hits_never_lower_the_radius(hits: int, more: int, bound) -> None:
    params = SmoothingParams(sigma=0.5, n0=10, n=1_000, bound=bound)
    few, many = sorted((hits, more))

    def certified(hits: int) -> Certificate:
        fresh = Votes(counts=(hits, 1_000 - hits, 0))
        return procedure_for(params, 3).step(
            {SELECTION: Votes(counts=(10, 0, 0)), ESTIMATION: fresh}
        )

    assert certified(few).radius <= certified(many).radius <= certified(many).radius_ceiling
    assert certified(few).p_lower <= certified(many).p_lower


@given(st.integers(0, 500), st.integers(0, 500))
def test_a_stronger_rival_never_raises_the_radius(one: int, other: int) -> None:
    params = SmoothingParams(sigma=0.5, n0=10, n=1_000, bound="runner-up")
    weak, strong = sorted((max(one, 500 - one), max(other, 500 - other)))

    def radius(rival: int) -> float:
        fresh = Votes(counts=(500, rival, 500 - rival))
        tally = {SELECTION: Votes(counts=(10, 0, 0)), ESTIMATION: fresh}
        return procedure_for(params, 3).step(tally).radius

    assert radius(strong) <= radius(weak)
