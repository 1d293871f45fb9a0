"""Certified accuracy: the share of labelled images that are right and certified at a radius.

The intervals are over the choice of images, exact for a random sample of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from smoothing.bounds import lower_confidence_bound, upper_confidence_bound
from smoothing.params import SmoothingParams

RADIUS_STEP = 0.25
FEWEST_RADII = 4
INTERVAL_ALPHA = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class CertifiedAccuracy:
    """Share of images that are right and certified at a radius or beyond.

    Attributes:
        radius: In units of a [0, 1] pixel.
        accuracy: The share.
        low: Lower end of its exact 95 % interval, over the choice of images.
        high: Upper end.
    """

    radius: float
    accuracy: float
    low: float
    high: float


def radii_up_to(largest: float) -> tuple[float, ...]:
    """Every quarter from 0 to the largest radius, and at least to 0.75."""
    count = max(FEWEST_RADII, int(largest / RADIUS_STEP) + 1)
    return tuple(RADIUS_STEP * step for step in range(count))


def radii_of(params: SmoothingParams) -> tuple[float, ...]:
    """Radii that say something in a mode: the one that was asked about, or none but 0, or many."""
    if params.mode == "decide" and params.radius is not None:
        return (params.radius,)
    if params.mode == "predict":
        return (0.0,)
    return radii_up_to(params.radius_ceiling)


def ceiling_of(params: SmoothingParams) -> float:
    """The largest radius that can come out: of a decision, the one that it was asked about."""
    return params.radius_ceiling if params.radius is None else params.radius


def share(hits: int, trials: int, *, radius: float) -> CertifiedAccuracy:
    """The share at a radius with its exact interval.

    Raises:
        InvalidCounts: There is no trial, or not between 0 and all of them hit.

    Source:
        Clopper and Pearson (1934), Biometrika 26(4).
    """
    return CertifiedAccuracy(
        radius=radius,
        accuracy=hits / trials,
        low=lower_confidence_bound(hits, trials, alpha=INTERVAL_ALPHA / 2),
        high=upper_confidence_bound(hits, trials, alpha=INTERVAL_ALPHA / 2),
    )


def curve_at(
    radii: Iterable[float], right: Sequence[float], num_images: int
) -> tuple[CertifiedAccuracy, ...]:
    """Certified accuracy at given radii.

    Args:
        radii: Where.
        right: The radii of the images whose certified class is their label.
        num_images: All of them, at least 1.
    """
    return tuple(
        share(sum(each >= radius for each in right), num_images, radius=radius) for radius in radii
    )


def steps(right: Sequence[float], num_images: int) -> tuple[CertifiedAccuracy, ...]:
    """The whole curve: a point holds from the one before it, excluded, to its own radius.

    It begins at 0 and ends at the largest radius of a right image; beyond that it is 0.

    Args:
        right: The radii of the images whose certified class is their label.
        num_images: All of them, at least 1.
    """
    rising = sorted(right)
    hits = {radius: len(rising) - at for at, radius in reversed(list(enumerate(rising)))}
    hits[0.0] = len(rising)
    return tuple(share(hits[radius], num_images, radius=radius) for radius in sorted(hits))
