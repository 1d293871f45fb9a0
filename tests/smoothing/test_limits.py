"""What unanimous draws can show, and how many it takes for an answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothing import certified_radius, lower_confidence_bound, sequential_lower_bound
from smoothing.limits import Method, fewest_draws, unanimous_bound, unanimous_radius

ALPHAS = [0.5, 0.05, 0.001, 1e-9]


def fewest(alpha: float, *, method: Method = "clopper_pearson", total_variation=0.0) -> int:
    return fewest_draws(method=method, alpha=alpha, total_variation=total_variation)


def ceiling(n: int, *, total_variation=0.0) -> float:
    return unanimous_radius(
        n, method="clopper_pearson", alpha=0.001, sigma=1.0, total_variation=total_variation
    )


@pytest.mark.parametrize(
    ("n", "radius"), [(100, 1.5005), (1_000, 2.4633), (10_000, 3.1986), (100_000, 3.8115)]
)
def test_the_ceiling_is_the_one_of_the_literature(n: int, radius: float) -> None:
    assert ceiling(n) == pytest.approx(radius, abs=6e-5)


def test_noise_lowers_the_ceiling_a_little() -> None:
    paid = ceiling(100_000, total_variation=1e-7)

    assert ceiling(100_000) - paid == pytest.approx(3.5e-4, rel=0.1)


@given(st.integers(20, 1_000_000), st.sampled_from(ALPHAS))
def test_the_ceiling_of_a_fixed_number_is_the_one_of_the_paper(n: int, alpha: float) -> None:
    options = {"alpha": alpha, "sigma": 0.5, "total_variation": 1e-7}

    paper = certified_radius(max(alpha ** (1 / n) - 1e-7, 0), sigma=0.5)

    assert unanimous_radius(n, method="clopper_pearson", **options) == paper
    assert unanimous_radius(n, method="clopper_pearson_runner_up", **options) <= paper
    assert unanimous_radius(n, method="truncated_mixture", **options) <= paper
    assert unanimous_radius(n, method="binomial_test", **options) == 0.0


@given(st.integers(1, 1_000_000), st.sampled_from(ALPHAS))
def test_against_a_runner_up_nine_tenths_of_alpha_bound_the_class(n: int, alpha: float) -> None:
    bound = unanimous_bound(n, method="clopper_pearson_runner_up", alpha=alpha)

    assert bound == lower_confidence_bound(n, n, alpha=0.9 * alpha)


@pytest.mark.parametrize(("alpha", "draws"), [(0.001, 10), (0.05, 5), (0.01, 7), (0.4, 2)])
def test_the_fewest_draws_are_the_first_whose_bound_exceeds_one_half(alpha, draws: int) -> None:
    assert fewest(alpha) == draws


def test_a_bound_of_one_half_is_no_majority() -> None:
    """0.5 ** (1 / 1) is exactly one half, so one draw proves nothing at alpha = 0.5."""
    assert fewest(0.5) == 2


def test_noise_may_cost_a_draw() -> None:
    assert fewest(0.5**10 * 1.000001) == 10
    assert fewest(0.5**10 * 1.000001, total_variation=1e-7) == 11


@given(st.sampled_from(ALPHAS), st.sampled_from([0.0, 1e-7]))
def test_the_fewest_draws_are_the_first_that_have_a_ceiling(alpha: float, slack: float) -> None:
    options = {"method": "truncated_mixture", "alpha": alpha, "total_variation": slack}

    draws = fewest_draws(**options)

    assert unanimous_radius(draws, sigma=1.0, **options) > 0
    assert unanimous_radius(draws - 1, sigma=1.0, **options) == 0
    assert sequential_lower_bound(draws, draws, alpha=0.05 * alpha) > 0.5
    assert sequential_lower_bound(draws - 1, draws - 1, alpha=0.05 * alpha) <= 0.5


def test_noise_may_cost_a_prediction_a_draw() -> None:
    assert fewest(2**-9, method="binomial_test") == 10
    assert fewest(2**-9, method="binomial_test", total_variation=1e-7) == 11


@pytest.mark.parametrize("alpha", ALPHAS)
def test_a_prediction_needs_draws_that_chance_gives_one_class_with_at_most_alpha(alpha) -> None:
    """Either class of two: n unanimous draws have the two-sided probability 2 * 2^-n."""
    draws = fewest(alpha, method="binomial_test")

    assert 2 / 2**draws <= alpha < 2 / 2 ** (draws - 1)
