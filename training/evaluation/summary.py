"""Certified accuracy of a table, with exact confidence intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

from smoothing.bounds import lower_confidence_bound, upper_confidence_bound
from training.evaluation.table import Row

RADII = (0.0, 0.25, 0.5, 0.75)


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
    """

    num_images: int
    curve: tuple[CertifiedAccuracy, ...]
    abstention_rate: float
    average_certified_radius: float


def summarise(rows: Sequence[Row], radii: Sequence[float] = RADII) -> Summary:
    """The figures of one or more rows."""
    return Summary(
        num_images=len(rows),
        curve=tuple(_at(rows, radius) for radius in radii),
        abstention_rate=sum(row.predict == -1 for row in rows) / len(rows),
        average_certified_radius=sum(row.radius for row in rows if row.correct) / len(rows),
    )


def _at(rows: Sequence[Row], radius: float) -> CertifiedAccuracy:
    hits, trials = sum(row.correct and row.radius >= radius for row in rows), len(rows)
    return CertifiedAccuracy(
        radius=radius,
        accuracy=hits / trials,
        low=lower_confidence_bound(hits, trials, alpha=0.025),
        high=upper_confidence_bound(hits, trials, alpha=0.025),
    )
