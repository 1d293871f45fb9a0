"""Certified accuracy of a table, with exact confidence intervals."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

from smoothing import lower_confidence_bound, upper_confidence_bound
from training.errors import BadTable
from training.evaluation.table import Row

RADIUS_STEP = 0.25
FEWEST_RADII = 4


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Figures of a table.

    Attributes:
        num_images: Rows.
        curve: Certified accuracy at rising radii.
        abstention_rate: Share of images without a certificate.
        average_certified_radius: Mean radius; a wrong class or an abstention counts as 0.
        radius_ceiling: The largest radius that could have come out; None where it is not known.
        mean_draws: Draws an image took; None where it is not known.
    """

    num_images: int
    curve: tuple[CertifiedAccuracy, ...]
    abstention_rate: float
    average_certified_radius: float
    radius_ceiling: float | None = None
    mean_draws: float | None = None


def radii_up_to(largest: float) -> tuple[float, ...]:
    """Every quarter from 0 to the largest radius, and at least to 0.75."""
    count = max(FEWEST_RADII, int(largest / RADIUS_STEP) + 1)
    return tuple(RADIUS_STEP * step for step in range(count))


def summarise(rows: Sequence[Row], radii: Sequence[float]) -> Summary:
    """The figures of one or more rows, at radii that rise.

    Raises:
        BadTable: There is no row.
    """
    if not rows:
        raise BadTable("there is no image to sum up")
    return Summary(
        num_images=len(rows),
        curve=tuple(_at(rows, radius) for radius in radii),
        abstention_rate=sum(row.predict == -1 for row in rows) / len(rows),
        average_certified_radius=sum(row.radius for row in rows if row.correct) / len(rows),
    )


def share(hits: int, trials: int, *, radius: float) -> CertifiedAccuracy:
    """The share at a radius with its exact interval.

    Source:
        Clopper and Pearson (1934), Biometrika 26(4).
    """
    return CertifiedAccuracy(
        radius=radius,
        accuracy=hits / trials,
        low=lower_confidence_bound(hits, trials, alpha=0.025),
        high=upper_confidence_bound(hits, trials, alpha=0.025),
    )


def steps(rows: Sequence[Row]) -> tuple[CertifiedAccuracy, ...]:
    """The whole curve: a point holds from the one before it, excluded, to its own radius.

    It begins at 0 and ends at the largest radius of a right image; beyond that it is 0.
    """
    radii = sorted(row.radius for row in rows if row.correct)
    hits = {radius: len(radii) - at for at, radius in reversed(list(enumerate(radii)))}
    hits[0.0] = len(radii)
    return tuple(share(hits[radius], len(rows), radius=radius) for radius in sorted(hits))


def highest(curves: Sequence[Sequence[CertifiedAccuracy]]) -> tuple[CertifiedAccuracy, ...]:
    """The best of several curves of `steps` at each radius, as such a curve."""
    radii = sorted({point.radius for points in curves for point in points})
    found: list[CertifiedAccuracy] = []
    for radius in radii:
        places = [bisect_left(points, radius, key=_radius) for points in curves]
        held = [points[at] for points, at in zip(curves, places, strict=True) if at < len(points)]
        found.append(replace(max(held, key=lambda point: point.accuracy), radius=radius))
    return tuple(found)


def _radius(point: CertifiedAccuracy) -> float:
    return point.radius


def _at(rows: Sequence[Row], radius: float) -> CertifiedAccuracy:
    hits = sum(row.correct and row.radius >= radius for row in rows)
    return share(hits, len(rows), radius=radius)
