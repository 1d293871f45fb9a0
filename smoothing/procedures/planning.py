"""How many draws a certificate is worth, from a pilot. A plan can cost draws, never soundness."""

from dataclasses import dataclass
from functools import lru_cache

from scipy.special import betaincinv, ndtri  # pyright: ignore[reportMissingTypeStubs]

from smoothing.bounds import lower_confidence_bound, upper_confidence_bound
from smoothing.limits import RUNNER_UP_SHARE, TOP_SHARE, smallest
from smoothing.params import PILOT_DRAWS, SmoothingParams
from smoothing.votes import Votes

DOUBT = 0.01
"""Probability that a pilot gives up an image which is not hopeless, at each of its looks."""

FLOOR = 0.05
"""A radius, in sigmas, up to which an image counts as hopeless."""

PILOT_SHARE = 0.04
"""A pilot grows while it has less than this share of the draws that it plans; since it doubles, it
ends with less than twice the share."""

AIM = 0.95
"""Of the loss that is allowed, the plan takes this much, since a misread pilot loses a little more
radius than it wins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a pilot is taken to say of its leader's probability and the strongest rival's."""

    top: float
    rival: float

    @classmethod
    def of(cls, pilot: Votes) -> "Reading":
        """The shares that were seen."""
        hits, rival = pilot.of(pilot.leader), pilot.strongest_rival(pilot.leader)
        return cls(top=hits / pilot.total, rival=rival / pilot.total)

    @classmethod
    def hopeful(cls, pilot: Votes) -> "Reading":
        """The best that is still credible."""
        hits, rival = pilot.of(pilot.leader), pilot.strongest_rival(pilot.leader)
        return cls(
            top=upper_confidence_bound(hits, pilot.total, alpha=DOUBT),
            rival=lower_confidence_bound(rival, pilot.total, alpha=DOUBT),
        )


def planned_radius(reading: Reading, n: int, params: SmoothingParams) -> float:
    """The radius, in sigmas, that n draws would give if they fell just as a pilot reads.

    Args:
        reading: Of the pilot.
        n: Draws; counts need not be whole, so that the radius grows with n smoothly.
        params: Of the certificate.
    """
    alpha, slack = params.alpha_each, params.total_variation
    if params.bound == "top":
        lower = max(_lower(reading.top, n, alpha) - slack, 0.0)
        return max(float(ndtri(lower)), 0.0)
    lower = _lower(reading.top, n, TOP_SHARE * alpha)
    upper = min(1 - _lower(1 - reading.rival, n, RUNNER_UP_SHARE * alpha), 1 - lower)
    gap = float(ndtri(max(lower - slack, 0.0)) - ndtri(min(upper + slack, 1.0)))
    return max(gap / 2, 0.0)


def planned_draws(pilot: Votes, params: SmoothingParams) -> int:
    """The fewest draws that lose no more of the radius of all n than the precision allows.

    Args:
        pilot: At least one vote.
        params: Of the certificate.
    """
    return _fewest(Reading.of(pilot), params)


@lru_cache(maxsize=1024)
def _fewest(reading: Reading, params: SmoothingParams) -> int:
    loss = AIM * (params.precision or 0.0)
    wanted = (1 - loss) * planned_radius(reading, params.n, params)
    if wanted == 0:
        return params.n
    return smallest(lambda n: planned_radius(reading, n, params) >= wanted, 1, params.n) or params.n


def hopeless(pilot: Votes, params: SmoothingParams) -> bool:
    """Whether even a hopeful reading leaves next to no radius.

    Args:
        pilot: At least one vote.
        params: Of the certificate.
    """
    return planned_radius(Reading.hopeful(pilot), params.n, params) < FLOOR


def pilot_sizes(params: SmoothingParams) -> list[int]:
    """The looks of a pilot: doubling, until large enough for the largest plan."""
    sizes = [PILOT_DRAWS]
    while sizes[-1] < PILOT_SHARE * params.n:
        sizes.append(2 * sizes[-1])
    return sizes


def _lower(share: float, n: int, alpha: float) -> float:
    """The Clopper-Pearson bound for `share * n` hits, whole or not, but more than none."""
    if share == 1:
        return alpha ** (1 / n)
    return float(betaincinv(share * n, n - share * n + 1, alpha))
