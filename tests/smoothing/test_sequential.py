"""The sequential bound is the formula it says, never above it, at every size and count."""

from math import inf, log, nan

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothing import (
    InvalidCounts,
    InvalidParams,
    certified_radius,
    lower_confidence_bound,
    sequential_lower_bound,
)
from smoothing.sequential import log_mixture, refutes

# Few misses, half, most, all; small and as large as is allowed.
TALLIES = [
    (1, 1),
    (3, 10),
    (10, 10),
    (70, 100),
    (999, 1_000),
    (1_000, 1_000),
    (60_000, 100_000),
    (99_990, 100_000),
    (100_000, 100_000),
    (3, 1_000_000),
    (500_500, 1_000_000),
    (841_345, 1_000_000),
    (999_999, 1_000_000),
    (1_000_000, 1_000_000),
]
BOUNDS = [(k, n, alpha) for k, n in TALLIES for alpha in (0.475, 0.001)]

alphas = st.floats(min_value=1e-9, max_value=0.475)
tallies = st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def evidence(successes: int, trials: int, p: float) -> mpmath.mpf:
    """The definition, in logarithms: the mean likelihood ratio to p of the q above it.

    With q = sin(u)^2, Jeffreys' weight is uniform in u; so the mean is one plain integral.
    """
    with mpmath.workdps(30):
        k, misses, p = successes, trials - successes, mpmath.mpf(p)
        start, end = mpmath.asin(mpmath.sqrt(p)), mpmath.pi / 2
        peak = mpmath.asin(mpmath.sqrt(mpmath.mpf(k) / trials))

        def log_ratio(u: mpmath.mpf) -> mpmath.mpf:
            loss = misses * mpmath.log(mpmath.cos(u) ** 2 / (1 - p)) if misses else 0
            return k * mpmath.log(mpmath.sin(u) ** 2 / p) + loss

        highest = log_ratio(max(peak, start))
        width = 1 / mpmath.sqrt(trials)
        near = [u for j in range(-10, 11) if start < (u := peak + j * width / 2) < end]
        total = mpmath.quad(lambda u: mpmath.exp(log_ratio(u) - highest), [start, *near, end])
        return highest + mpmath.log(total / (end - start))


@pytest.mark.parametrize(("successes", "trials", "alpha"), BOUNDS)
def test_at_the_bound_the_evidence_just_reaches_one_over_alpha(
    successes: int, trials: int, alpha: float
) -> None:
    """It reaches it, so the bound is never too high; with next to nothing to spare."""
    bound = sequential_lower_bound(successes, trials, alpha=alpha)

    spare = evidence(successes, trials, bound) + mpmath.log(alpha)
    assert 0 <= spare < 2e-6
    assert abs(log_mixture(successes, trials, p=bound) - evidence(successes, trials, bound)) < 1e-8


@given(tallies, alphas)
def test_the_bound_is_the_last_that_is_refuted(tally: tuple[int, int], alpha: float) -> None:
    bound = sequential_lower_bound(*tally, alpha=alpha)

    assert 0 <= bound < 1
    assert bound == 0 or refutes(*tally, p=bound, alpha=alpha)
    assert not refutes(*tally, p=bound + (1 - bound) * 1e-4, alpha=alpha)


@given(tallies, alphas, st.floats(min_value=0.001, max_value=0.99999))
def test_whatever_lies_below_the_bound_is_refuted_too(tally, alpha: float, share: float) -> None:
    """So the bound is one number: the evidence falls as the doubted probability grows."""
    bound = sequential_lower_bound(*tally, alpha=alpha)

    assert bound == 0 or refutes(*tally, p=share * bound, alpha=alpha)


@given(tallies.filter(lambda tally: tally[0] < tally[1]), alphas)
def test_another_hit_for_a_miss_raises_the_bound(tally: tuple[int, int], alpha: float) -> None:
    hits, trials = tally

    fewer = sequential_lower_bound(hits, trials, alpha=alpha)
    more = sequential_lower_bound(hits + 1, trials, alpha=alpha)

    assert fewer <= more


@given(tallies, alphas)
def test_one_more_draw_moves_the_bound_the_way_it_fell(tally, alpha: float) -> None:
    hits, trials = tally

    now = sequential_lower_bound(hits, trials, alpha=alpha)

    assert sequential_lower_bound(hits, trials + 1, alpha=alpha) <= now * (1 + 1e-6)
    assert sequential_lower_bound(hits + 1, trials + 1, alpha=alpha) >= now


@given(tallies, alphas)
def test_holding_at_all_times_costs_something(tally: tuple[int, int], alpha: float) -> None:
    fixed = lower_confidence_bound(*tally, alpha=alpha)

    assert sequential_lower_bound(*tally, alpha=alpha) <= fixed


@pytest.mark.parametrize(("radius", "at_once"), [(0.5, 19), (1.0, 40), (2.0, 301), (3.0, 5_114)])
def test_unanimous_draws_need_a_sixth_more_than_for_a_fixed_number(radius, at_once: int) -> None:
    def certified(bound, n: int) -> bool:
        return certified_radius(bound(n, n, alpha=0.001), sigma=1.0) >= radius

    needed = next(
        n for n in range(at_once * 8 // 7, 2 * at_once) if certified(sequential_lower_bound, n)
    )

    assert certified(lower_confidence_bound, at_once)
    assert not certified(lower_confidence_bound, at_once - 1)
    assert needed / at_once == pytest.approx(1.17, abs=0.015)


def test_no_hit_bounds_nothing() -> None:
    assert sequential_lower_bound(0, 1_000_000, alpha=0.001) == 0.0
    assert log_mixture(1, 1_000_000, p=0.999_999_9) < -1e6
    assert log_mixture(0, 1_000_000, p=1 - 2**-53) == -inf


def test_what_the_draws_suggest_is_not_refuted() -> None:
    assert not refutes(700, 1_000, p=0.7, alpha=0.475)
    assert not refutes(700, 1_000, p=0.9, alpha=0.475)
    assert refutes(700, 1_000, p=0.6, alpha=0.001)


@pytest.mark.parametrize(("successes", "trials"), [(-1, 10), (11, 10), (0, 0)])
def test_impossible_tallies_are_refused(successes: int, trials: int) -> None:
    with pytest.raises(InvalidCounts, match=f"{successes} of {trials}"):
        sequential_lower_bound(successes, trials, alpha=0.001)
    with pytest.raises(InvalidCounts, match=f"{successes} of {trials}"):
        log_mixture(successes, trials, p=0.5)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, nan])
def test_impossible_error_probabilities_are_refused(alpha: float) -> None:
    with pytest.raises(InvalidParams, match=r"alpha must be in \(0, 1\)"):
        sequential_lower_bound(1, 2, alpha=alpha)
    with pytest.raises(InvalidParams, match=r"alpha must be in \(0, 1\)"):
        refutes(1, 2, p=0.5, alpha=alpha)


def test_the_bound_is_the_one_of_the_reference() -> None:
    """All of 100,000 agree: 8.1 nats where a fixed number needs 6.9."""
    bound = sequential_lower_bound(100_000, 100_000, alpha=0.001)

    assert -100_000 * log(bound) == pytest.approx(8.1, abs=0.05)
