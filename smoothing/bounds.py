"""The formulas a certificate rests on: binomial bounds, and the radius they prove.

These bounds hold at one number of draws, fixed beforehand; for many, see `smoothing.sequential`.
"""

from decimal import ROUND_FLOOR, Decimal
from math import isfinite

from scipy.special import betainc, betaincinv, ndtri  # pyright: ignore[reportMissingTypeStubs]

from smoothing.errors import InvalidCounts, InvalidParams

# The special functions are good to about 1e-12 of a radius; a thousand times that is given away.
_SLACK = Decimal("1e-9")
_LAST_DIGIT = Decimal("1e-6")


def lower_confidence_bound(successes: int, trials: int, *, alpha: float) -> float:
    """One-sided (1 - alpha) Clopper-Pearson lower bound on a binomial proportion.

    The bound p satisfies P[Bin(trials, p) >= successes] = alpha, so the true proportion
    lies above it with probability at least 1 - alpha over the draws. It is exact, not
    asymptotic, which is what lets a certificate be a theorem rather than an estimate.

    Args:
        successes: Draws that agreed, in [0, trials].
        trials: Draws in all, at least 1.
        alpha: Probability that the bound is wrong, in (0, 1).

    Returns:
        The bound, in [0, 1); 0.0 when there were no successes.

    Raises:
        InvalidCounts: `successes` is not in [0, trials], or `trials` is less than 1.
        InvalidParams: `alpha` is not in (0, 1).

    Source:
        Clopper and Pearson (1934), Biometrika 26(4), in its Beta-quantile form; called
        LowerConfBound in Cohen et al. (2019), section 3.2.2.
    """
    check_tally(successes, trials)
    check_error_probability(alpha)
    if successes == 0:
        return 0.0
    if successes == trials:
        return alpha ** (1 / trials)
    return float(betaincinv(successes, trials - successes + 1, alpha))


def upper_confidence_bound(successes: int, trials: int, *, alpha: float) -> float:
    """One-sided (1 - alpha) Clopper-Pearson upper bound on a binomial proportion.

    The bound p satisfies P[Bin(trials, p) <= successes] = alpha; it is one minus the
    lower bound on the proportion of failures.

    Args:
        successes: Draws that agreed, in [0, trials].
        trials: Draws in all, at least 1.
        alpha: Probability that the bound is wrong, in (0, 1).

    Returns:
        The bound, in (0, 1]; 1.0 when there were no failures.

    Raises:
        InvalidCounts: `successes` is not in [0, trials], or `trials` is less than 1.
        InvalidParams: `alpha` is not in (0, 1).

    Source:
        Clopper and Pearson (1934), Biometrika 26(4).
    """
    check_tally(successes, trials)
    return 1.0 - lower_confidence_bound(trials - successes, trials, alpha=alpha)


def certified_radius(
    p_lower: float, *, sigma: float, p_runner_up_upper: float | None = None
) -> float:
    """L2 radius within which the smoothed classifier provably keeps its class.

    radius = sigma * Phi^-1(p_lower), with Phi the standard normal distribution function: the
    two-class bound, with the runner-up's probability taken as 1 - p_lower. Where that
    probability has a bound of its own, radius = sigma / 2 * (Phi^-1(p_lower) - Phi^-1(upper)).
    The result is rounded down, never up: 1e-9 is subtracted and six decimals are kept.

    Args:
        p_lower: Lower bound on the top class's probability under noise, in [0, 1).
        sigma: Standard deviation of the noise, in units of a [0, 1] pixel.
        p_runner_up_upper: Upper bound on any other outcome's probability, in (0, 1]; None for
            1 - p_lower.

    Returns:
        The radius over the whole image, in units of a [0, 1] pixel; 0.0 when `p_lower` is
        at most 1/2 or the runner-up's bound, where nothing is proved, or too little above it
        for six decimals.

    Raises:
        InvalidParams: `p_lower` is not in [0, 1), `p_runner_up_upper` not in (0, 1], or `sigma`
            not above 0 and finite.

    Source:
        Cohen et al. (2019), theorem 1 and algorithm CERTIFY.
    """
    if not 0 <= p_lower < 1:
        raise InvalidParams(f"p_lower must be in [0, 1), got {p_lower}", field="p_lower")
    if not (isfinite(sigma) and sigma > 0):
        raise InvalidParams(f"sigma must be above 0 and finite, got {sigma}", field="sigma")
    if p_runner_up_upper is not None:
        return _rounded_down(sigma * _half_gap(p_lower, p_runner_up_upper))
    if p_lower <= 0.5:
        return 0.0
    return _rounded_down(float(sigma * ndtri(p_lower)))


def leading_by_chance(leading: int, second: int, *, advantage: float = 0.0) -> float:
    """Two-sided p-value of the leader's lead over the second, were neither the likelier.

    Twice P[Bin(leading + second, 1/2 + advantage) >= leading], at most 1. With no advantage, the
    probability that a class which is not the likeliest leads by so much is at most this, for
    any number of classes.

    Args:
        leading: Draws that the leading class won.
        second: Draws that the next class won, at most `leading`.
        advantage: By how much the leader's share of their draws may exceed 1/2 without it being
            the likelier, in [0, 1/2).

    Raises:
        InvalidCounts: Not 0 <= second <= leading.

    Source:
        Cohen et al. (2019), algorithm PREDICT; Hung and Fithian (2019), Ann. Statist. 47(2).
    """
    if not 0 <= second <= leading:
        raise InvalidCounts(f"{leading} against {second}: the leader has at least as many, 0 or up")
    if leading == 0:
        return 1.0
    return min(2 * float(betainc(leading, second + 1, 0.5 + advantage)), 1.0)


def check_tally(successes: int, trials: int) -> None:
    """Refuses counts that cannot be.

    Raises:
        InvalidCounts: `successes` is not in [0, trials], or `trials` is less than 1.
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise InvalidCounts(
            f"{successes} of {trials} is no tally: need 0 <= successes <= trials, trials >= 1"
        )


def check_error_probability(alpha: float) -> None:
    """Refuses what is no probability of being wrong.

    Raises:
        InvalidParams: `alpha` is not in (0, 1).
    """
    if not 0 < alpha < 1:
        raise InvalidParams(f"alpha must be in (0, 1), got {alpha}", field="alpha")


def _half_gap(p_lower: float, p_upper: float) -> float:
    if not 0 < p_upper <= 1:
        message = f"p_runner_up_upper must be in (0, 1], got {p_upper}"
        raise InvalidParams(message, field="p_runner_up_upper")
    if p_lower <= p_upper:
        return 0.0
    return float(ndtri(p_lower) - ndtri(p_upper)) / 2


def _rounded_down(exact: float) -> float:
    """The decimal below `exact`; in decimal arithmetic, since flooring x * 1e6 can round up."""
    floored = (Decimal(exact) - _SLACK).quantize(_LAST_DIGIT, rounding=ROUND_FLOOR)
    return max(float(floored), 0.0)
