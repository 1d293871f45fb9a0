"""What the confidence bounds and the radius promise."""

from decimal import Decimal
from math import inf, nan

import mpmath
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import binom
from statsmodels.stats.proportion import proportion_confint

from smoothing import (
    InvalidCounts,
    InvalidParams,
    certified_radius,
    lower_confidence_bound,
    upper_confidence_bound,
)

alphas = st.floats(min_value=1e-6, max_value=0.5)
sigmas = st.floats(min_value=0.01, max_value=10.0)


@st.composite
def tallies(draw: st.DrawFn, highest: int = 100_000) -> tuple[int, int]:
    trials = draw(st.integers(1, highest))
    return draw(st.integers(0, trials)), trials


def exact_radius(p_lower: float, sigma: float) -> mpmath.mpf:
    with mpmath.workdps(40):
        return mpmath.mpf(sigma) * mpmath.sqrt(2) * mpmath.erfinv(2 * mpmath.mpf(p_lower) - 1)


@given(tallies(), alphas)
def test_bounds_agree_with_statsmodels(tally: tuple[int, int], alpha: float) -> None:
    """The oracle of the paper's own code: `proportion_confint(..., method="beta")`."""
    lower, upper = proportion_confint(*tally, alpha=2 * alpha, method="beta")

    assert lower_confidence_bound(*tally, alpha=alpha) == pytest.approx(lower, rel=1e-11, abs=0)
    assert upper_confidence_bound(*tally, alpha=alpha) == pytest.approx(upper, rel=1e-11, abs=0)


@given(tallies().filter(lambda tally: tally[0] > 0), alphas)
def test_lower_bound_solves_its_defining_equation(tally: tuple[int, int], alpha: float) -> None:
    successes, trials = tally

    bound = lower_confidence_bound(successes, trials, alpha=alpha)

    assert binom.sf(successes - 1, trials, bound) == pytest.approx(alpha, rel=1e-6)


@given(tallies(2_000).filter(lambda tally: tally[0] < tally[1]), alphas)
def test_upper_bound_solves_its_defining_equation(tally: tuple[int, int], alpha: float) -> None:
    successes, trials = tally

    bound = upper_confidence_bound(successes, trials, alpha=alpha)

    assert binom.cdf(successes, trials, bound) == pytest.approx(alpha, rel=1e-6)


@pytest.mark.parametrize(
    ("successes", "trials", "alpha"),
    [(9_999, 10_000, 0.001), (9_900, 10_000, 0.001), (66, 100, 0.001), (999_990, 1_000_000, 0.001)],
)
def test_lower_bound_is_right_to_the_precision_the_radius_needs(
    successes: int, trials: int, alpha: float
) -> None:
    """The radius gives away 1e-9; at 40 digits the bound is off by far less than that."""
    bound = lower_confidence_bound(successes, trials, alpha=alpha)

    with mpmath.workdps(40):
        p, missed = mpmath.mpf(bound), trials - successes
        # P[Bin(n, p) >= k] = P[Bin(n, 1 - p) <= n - k]: few terms, since few draws missed.
        terms = [
            mpmath.binomial(trials, j) * (1 - p) ** j * p ** (trials - j) for j in range(missed + 1)
        ]
        slope = terms[-1] * successes / p
        error = (mpmath.fsum(terms) - mpmath.mpf(alpha)) / slope
        error_of_radius = error / mpmath.npdf(exact_radius(bound, 1.0))
    assert abs(error_of_radius) < 1e-10


@given(st.integers(1, 1_000_000), alphas)
def test_unanimous_votes_have_a_closed_form(trials: int, alpha: float) -> None:
    assert lower_confidence_bound(trials, trials, alpha=alpha) == alpha ** (1 / trials)


@given(tallies(), alphas)
def test_bounds_enclose_the_observed_share(tally: tuple[int, int], alpha: float) -> None:
    share = tally[0] / tally[1]

    assert lower_confidence_bound(*tally, alpha=alpha) <= share * (1 + 1e-12)
    assert upper_confidence_bound(*tally, alpha=alpha) >= share * (1 - 1e-12)


def test_nothing_seen_bounds_nothing() -> None:
    assert lower_confidence_bound(0, 10, alpha=0.001) == 0.0
    assert upper_confidence_bound(10, 10, alpha=0.001) == 1.0


@given(st.floats(min_value=0.5, max_value=1.0, exclude_min=True, exclude_max=True), sigmas)
def test_radius_is_never_rounded_up(p_lower: float, sigma: float) -> None:
    radius = certified_radius(p_lower, sigma=sigma)
    exact = exact_radius(p_lower, sigma)

    assert radius == 0.0 or Decimal(str(radius)) <= Decimal(mpmath.nstr(exact, 30))
    assert radius >= exact - 1.1e-6


@given(tallies(), alphas, sigmas)
def test_radius_of_any_tally_is_below_the_oracles(
    tally: tuple[int, int], alpha: float, sigma: float
) -> None:
    oracle = proportion_confint(*tally, alpha=2 * alpha, method="beta")[0]
    assume(oracle > 0.5)

    p_lower = lower_confidence_bound(*tally, alpha=alpha)

    assert certified_radius(p_lower, sigma=sigma) <= sigma * ndtri(oracle)


@given(st.integers(500_000, 4_000_000))
def test_radius_has_six_decimals(millionths: int) -> None:
    """A radius just above a grid value comes down to it, one just below to the one before."""
    with mpmath.workdps(30):
        p_above = float(mpmath.ncdf(mpmath.mpf(millionths) / 10**6 + mpmath.mpf("1e-8")))
        p_below = float(mpmath.ncdf(mpmath.mpf(millionths) / 10**6 - mpmath.mpf("1e-8")))

    assert certified_radius(p_above, sigma=1.0) == float(Decimal(millionths).scaleb(-6))
    assert certified_radius(p_below, sigma=1.0) == float(Decimal(millionths - 1).scaleb(-6))


def test_a_radius_too_close_to_a_decimal_is_given_away() -> None:
    """2.000000 is within the error that special functions are allowed, 1e-9."""
    with mpmath.workdps(30):
        p_lower = float(mpmath.ncdf(2 + mpmath.mpf("5e-10")))

    assert certified_radius(p_lower, sigma=1.0) == 1.999999


@pytest.mark.parametrize("p_lower", [0.0, 0.3, 0.5, 0.5 + 1e-12])
def test_no_radius_without_a_majority(p_lower: float) -> None:
    assert certified_radius(p_lower, sigma=0.5) == 0.0


@pytest.mark.parametrize(
    ("n", "fewest_hits"), [(100, 66), (1_000, 550), (10_000, 5_156), (100_000, 50_490)]
)
def test_a_majority_is_sure_from_as_many_hits_as_in_the_literature(n, fewest_hits: int) -> None:
    assert lower_confidence_bound(fewest_hits, n, alpha=0.001) > 0.5
    assert lower_confidence_bound(fewest_hits - 1, n, alpha=0.001) <= 0.5


@pytest.mark.parametrize(
    ("sigma", "misses", "printed"),
    [
        (0.25, (0, 1, 2, 3, 4, 6, 8, 9, 11), "0.978 0.955 0.941 0.929 0.92 0.906 0.894 0.889 0.88"),
        (1.0, (0, 2, 3, 4, 6, 10), "3.91 3.76 3.72 3.68 3.62 3.54"),
    ],
)
def test_the_largest_radii_of_a_published_experiment_are_those_of_few_misses(
    sigma: float, misses: tuple[int, ...], printed: str
) -> None:
    """Tables of Cohen et al.'s repository: CIFAR-10 and ImageNet, n = 100,000 and alpha = 0.01."""
    bounds = [lower_confidence_bound(100_000 - each, 100_000, alpha=0.01) for each in misses]

    # They are rounded to nearest, ours is floored: half of the last digit is in between.
    radii = [certified_radius(bound, sigma=sigma) + 5e-7 for bound in bounds]
    assert " ".join(f"{radius:.3g}" for radius in radii) == printed


@pytest.mark.parametrize(("successes", "trials"), [(-1, 10), (11, 10), (0, 0)])
@pytest.mark.parametrize("bound", [lower_confidence_bound, upper_confidence_bound])
def test_impossible_tallies_are_refused(bound, successes: int, trials: int) -> None:
    with pytest.raises(InvalidCounts, match=f"{successes} of {trials}"):
        bound(successes, trials, alpha=0.001)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, nan, inf])
def test_impossible_error_probabilities_are_refused(alpha: float) -> None:
    with pytest.raises(InvalidParams, match=r"alpha must be in \(0, 1\)") as caught:
        lower_confidence_bound(1, 2, alpha=alpha)
    assert caught.value.field == "alpha"


@pytest.mark.parametrize("p_lower", [-0.1, 1.0, 1.1, nan])
def test_what_is_no_bound_has_no_radius(p_lower: float) -> None:
    with pytest.raises(InvalidParams, match="p_lower") as caught:
        certified_radius(p_lower, sigma=0.5)
    assert caught.value.field == "p_lower"


@given(
    st.floats(min_value=1e-6, max_value=1 - 1e-6), st.floats(min_value=1e-6, max_value=1.0), sigmas
)
def test_the_radius_against_a_runner_up_is_half_the_gap(top: float, rival: float, sigma) -> None:
    radius = certified_radius(top, sigma=sigma, p_runner_up_upper=rival)

    with mpmath.workdps(40):
        gap = exact_radius(top, sigma) - exact_radius(rival, sigma)
    assert radius <= max(gap / 2, 0)
    assert radius >= gap / 2 - 1.1e-6


@given(st.floats(min_value=0.5, max_value=1 - 1e-9), sigmas)
def test_a_runner_up_with_all_the_rest_is_the_two_class_case(top: float, sigma: float) -> None:
    plain = certified_radius(top, sigma=sigma)

    assert certified_radius(top, sigma=sigma, p_runner_up_upper=1 - top) == pytest.approx(
        plain, abs=1.1e-6
    )


def test_no_radius_at_a_tie() -> None:
    assert certified_radius(0.4, sigma=0.5, p_runner_up_upper=0.4) == 0.0
    assert certified_radius(0.4, sigma=0.5, p_runner_up_upper=0.39) > 0.0
    assert certified_radius(0.4, sigma=0.5, p_runner_up_upper=1.0) == 0.0


@pytest.mark.parametrize("p_upper", [0.0, -0.1, 1.1, nan])
def test_a_runner_up_s_bound_is_a_probability_above_0(p_upper: float) -> None:
    with pytest.raises(InvalidParams, match=r"\(0, 1\]") as caught:
        certified_radius(0.9, sigma=0.5, p_runner_up_upper=p_upper)
    assert caught.value.field == "p_runner_up_upper"


@pytest.mark.parametrize("sigma", [0.0, -1.0, nan, inf])
def test_no_radius_without_noise(sigma: float) -> None:
    with pytest.raises(InvalidParams, match="sigma") as caught:
        certified_radius(0.9, sigma=sigma)
    assert caught.value.field == "sigma"
