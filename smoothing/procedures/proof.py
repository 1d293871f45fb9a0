"""What votes prove about one class: a bound on its probability, and a radius."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from smoothing.bounds import certified_radius, lower_confidence_bound, upper_confidence_bound
from smoothing.certificate import Certificate, StopReason
from smoothing.limits import CLASS_SHARE, RADIUS_SHARE, RUNNER_UP_SHARE, TOP_SHARE
from smoothing.params import SmoothingParams
from smoothing.sequential import refutes, sequential_lower_bound
from smoothing.votes import Phase, Votes


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What is known about a class. By default: nothing.

    Attributes:
        holds: Whether it is the class of the smoothed classifier.
        radius: Within which it is, in units of a [0, 1] pixel.
        p_lower: Lower bound on its probability.
        p_runner_up_upper: Upper bound on any other outcome's; None where it is 1 - `p_lower`.
    """

    holds: bool = False
    radius: float = 0.0
    p_lower: float = 0.0
    p_runner_up_upper: float | None = None


def prove_from_fresh(votes: Votes, selected: int, params: SmoothingParams) -> Proof:
    """What fresh draws prove, whose number and whose class were fixed before the first of them.

    With the bound "top": the Clopper-Pearson bound on the class, and one minus it on all others.

    With "runner-up" (nine tenths of alpha for the class, one tenth for the others): whichever class
    c is truly the runner-up, the bound on the largest count of a rival is at least the bound on
    the count of c, since a bound grows with its count. So it fails no more often than the bound
    on one fixed class, however many there are. Rows that are not finite count as one more rival.

    Sound numerics draw from a law within `total_variation` of the ideal one, so each probability
    is off by at most that: taken from the class, given to the runner-up.

    Args:
        votes: Over all the draws.
        selected: The class, chosen from other draws.
        params: The parameters of the certificate.

    Source:
        Cohen et al. (2019), algorithm CERTIFY and theorem 1.
    """
    alpha, slack = params.alpha_each, params.total_variation
    hits = votes.of(selected)
    if params.bound == "top":
        p_lower = lower_confidence_bound(hits, votes.total, alpha=alpha)
        p_sound = max(p_lower - slack, 0.0)
        radius = certified_radius(p_sound, sigma=params.sigma)
        return Proof(holds=p_sound > 0.5, radius=radius, p_lower=p_lower)
    p_lower = lower_confidence_bound(hits, votes.total, alpha=TOP_SHARE * alpha)
    rival = votes.strongest_rival(selected)
    p_rival = upper_confidence_bound(rival, votes.total, alpha=RUNNER_UP_SHARE * alpha)
    p_upper = min(p_rival, 1 - p_lower)
    p_sound, p_other = max(p_lower - slack, 0.0), min(p_upper + slack, 1.0)
    radius = certified_radius(p_sound, sigma=params.sigma, p_runner_up_upper=p_other)
    return Proof(holds=p_sound > p_other, radius=radius, p_lower=p_lower, p_runner_up_upper=p_upper)


def prove_from_running(votes: Votes, params: SmoothingParams) -> Proof:
    """What a prefix of draws proves of its own leader, at whatever time it is looked at.

    The same draws choose the class and bound it. So the leader counts as the class only where the
    bound at a twentieth of alpha exceeds 1/2; its radius then comes from the bound at the rest.
    If a class A has probability 1/2 or more: to certify another, "not A", with probability at
    most 1/2, would have to exceed 1/2 by its bound, since it has at least as many votes; that
    happens, ever, with at most alpha / 20; and A itself gets too large a radius with at most
    19/20 alpha. If no class has 1/2: class c crosses with at most alpha / 20 times
    (p_c / (1 - p_c))^m, m > 1 the lead over half that a crossing needs, by a change of measure
    from 1/2 to p_c; the sum over classes is at most alpha / 10. Altogether alpha, for any number
    of classes. (Had the class no twentieth of its own, it would be up to twice alpha.)

    Args:
        votes: Over a prefix of the draws, at least one.
        params: The parameters of the certificate.
    """
    return _running(votes.of(votes.leader), votes.total, params)


@lru_cache(maxsize=1024)
def _running(hits: int, trials: int, params: SmoothingParams) -> Proof:
    alpha = params.alpha_each
    if not refutes(hits, trials, p=0.5, alpha=CLASS_SHARE * alpha):
        return Proof(p_lower=sequential_lower_bound(hits, trials, alpha=CLASS_SHARE * alpha))
    p_lower = sequential_lower_bound(hits, trials, alpha=RADIUS_SHARE * alpha)
    p_sound = max(p_lower - params.total_variation, 0.0)
    radius = certified_radius(p_sound, sigma=params.sigma)
    return Proof(holds=p_sound > 0.5, radius=radius, p_lower=p_lower)


def certificate(
    params: SmoothingParams,
    proof: Proof,
    *,
    selected: int | None,
    tally: Mapping[Phase, Votes],
    stop_reason: StopReason = "complete",
) -> Certificate:
    """The certificate that states a proof, or the abstention where it does not hold."""
    return Certificate(
        predicted=selected if proof.holds else None,
        radius=proof.radius if proof.holds else 0.0,
        radius_ceiling=params.radius_ceiling,
        p_lower=proof.p_lower,
        p_runner_up_upper=proof.p_runner_up_upper,
        selected=selected,
        tally=tally,
        params=params,
        stop_reason=stop_reason,
    )
