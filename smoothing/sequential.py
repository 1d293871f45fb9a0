"""A lower bound on a probability that holds at all numbers of draws together.

A Clopper-Pearson bound is for one number of draws, fixed beforehand: whoever looks at it again
and again, and stops when it suits, is wrong more often than alpha. The bound here may be read
after every draw, and the draws stopped by any rule.

The formula. Let k of n draws agree, each with the unknown probability p. Against "p is at most
theta", bet on a q above theta: the likelihood ratio of q to theta is a product over draws with
expectation 1 + (p - theta)(q - theta) / (theta (1 - theta)), at most 1. So is the expectation
of its average over q, drawn from Jeffreys' distribution cut off below theta:

    M_n(theta) = E[(q / theta)^k ((1 - q) / (1 - theta))^(n - k) | q > theta],

a nonnegative supermartingale that starts at 1, whose probability of ever reaching 1 / alpha is at
most alpha (Ville's inequality). The bound is the largest theta below k / n at which it has.

That is one number: where k - n theta is at least sqrt(theta) / 2, M falls in theta, since its
logarithm has the derivative h (1 - 1 / M) - (k - n theta) / (theta (1 - theta)), and the hazard
rate h of the cut-off distribution is at most 1 / (2 sqrt(theta) (1 - theta)); where it is less,
M is below 2.04. So for alpha up to 0.49 every theta below the bound is refuted too.

Source:
    Ville (1939); Robbins (1970), Ann. Math. Statist. 41(5), for mixtures. The cut-off, which wins
    where nearly all draws agree, and the proof above are ours; tests check it by enumeration.
"""

from math import asin, inf, log, log1p, sqrt

from scipy.special import betainc, betaln  # pyright: ignore[reportMissingTypeStubs]

from smoothing.bounds import check_error_probability, check_tally

# A hundred times the error of `log_mixture`; it moves a radius by about a ten-millionth of itself.
_SLACK = 1e-6


def log_mixture(successes: int, trials: int, *, p: float) -> float:
    """Logarithm of the evidence M against "the probability is at most p".

    Args:
        successes: Draws that agreed, in [0, trials].
        trials: Draws in all, at least 1.
        p: The probability that is doubted, in (0, 1).

    Returns:
        log M in nats, to 1e-8 where p is below the share that agreed, for up to 1,000,000 draws
        (tests show it); -inf where p is so far above that parts of M cannot be represented.

    Raises:
        InvalidCounts: `successes` is not in [0, trials], or `trials` is less than 1.
    """
    check_tally(successes, trials)
    misses = trials - successes
    weight_above = float(betainc(misses + 0.5, successes + 0.5, 1 - p))
    if weight_above == 0:
        return -inf
    return (
        float(betaln(successes + 0.5, misses + 0.5))
        + log(weight_above)
        - log(2 * asin(sqrt(1 - p)))
        - successes * log(p)
        - misses * log1p(-p)
    )


def refutes(successes: int, trials: int, *, p: float, alpha: float) -> bool:
    """Whether these draws show that the probability is above p; at any time, by any stopping rule.

    If it is not, the probability that this is ever true, over all numbers of draws, is at
    most alpha. Rounding is paid for: a true answer is true of the exact evidence.

    Args:
        successes: Draws that agreed, in [0, trials].
        trials: Draws in all, in [1, 1,000,000].
        p: The probability that is doubted, in (0, 1).
        alpha: Probability of ever being wrong, in (0, 0.49].

    Raises:
        InvalidCounts: `successes` is not in [0, trials], or `trials` is less than 1.
        InvalidParams: `alpha` is not in (0, 1).
    """
    check_error_probability(alpha)
    above = successes > p * trials
    return above and log_mixture(successes, trials, p=p) >= _SLACK - log(alpha)


def sequential_lower_bound(successes: int, trials: int, *, alpha: float) -> float:
    """One-sided (1 - alpha) lower bound on a proportion, for all numbers of trials together.

    Args:
        successes: Draws that agreed, in [0, trials].
        trials: Draws in all, in [1, 1,000,000].
        alpha: Probability that the bound is ever wrong, in (0, 0.49].

    Returns:
        The bound, in [0, 1), not above the exact one; 0.0 when there were no successes.

    Raises:
        InvalidCounts: `successes` is not in [0, trials], or `trials` is less than 1.
        InvalidParams: `alpha` is not in (0, 1).
    """
    check_error_probability(alpha)
    check_tally(successes, trials)
    # Whatever `low` holds is refuted; so the result is, wherever the halving ends.
    low, high = 0.0, successes / trials
    while low < (middle := low + (high - low) / 2) < high:
        if refutes(successes, trials, p=middle, alpha=alpha):
            low = middle
        else:
            high = middle
    return low
