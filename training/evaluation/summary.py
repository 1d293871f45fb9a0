"""Certified accuracy of a table, with exact confidence intervals."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

from smoothing import accuracy
from smoothing.accuracy import CertifiedAccuracy
from training.errors import BadTable
from training.evaluation.table import ABSTAINED, Row


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


def summarise(rows: Sequence[Row], radii: Sequence[float]) -> Summary:
    """The figures of one or more rows, at radii that rise.

    Raises:
        BadTable: There is no row.
    """
    if not rows:
        raise BadTable("there is no image to sum up")
    return Summary(
        num_images=len(rows),
        curve=accuracy.curve_at(radii, _right(rows), len(rows)),
        abstention_rate=sum(row.predict == ABSTAINED for row in rows) / len(rows),
        average_certified_radius=sum(row.radius for row in rows if row.correct) / len(rows),
    )


def steps(rows: Sequence[Row]) -> tuple[CertifiedAccuracy, ...]:
    """The whole curve of one or more rows; see `smoothing.accuracy.steps`."""
    return accuracy.steps(_right(rows), len(rows))


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


def _right(rows: Sequence[Row]) -> list[float]:
    return [row.radius for row in rows if row.correct]
