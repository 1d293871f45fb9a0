"""Two evaluations of the same images: how much better one is, and whether that is chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
from scipy.special import bdtr, ndtri

from training.evaluation.table import Row

_TWO_SIDED_95 = float(ndtri(0.975))


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """Certified accuracy of one evaluation less that of another, on the same images.

    Attributes:
        radius: At which both are counted, in units of a [0, 1] pixel.
        difference: Of the shares.
        low: Lower end of its 95 % interval.
        high: Upper end.
        p_value: Chance of so uneven a split where neither is better: McNemar's exact test,
            two-sided.
    """

    radius: float
    difference: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanDifference:
    """Average certified radius of one evaluation less that of another, on the same images.

    Attributes:
        difference: Of the means.
        margin: Half the width of its 95 % interval, from the spread of the images' differences.
    """

    difference: float
    margin: float


def at_radius(better: Sequence[Row], worse: Sequence[Row], radius: float) -> PairedDifference:
    """The difference at a radius; the rows of both are of the same images, in the same order.

    The interval is Wald's with half an image added to each cell of the two-by-two table, which
    keeps its coverage for small numbers too.

    Source:
        Agresti and Min (2005), "Simple improved confidence intervals for comparing matched
        proportions", Statistics in Medicine 24(5). McNemar (1947), Psychometrika 12(2).
    """
    hits = [
        (_hit(one, radius), _hit(other, radius)) for one, other in zip(better, worse, strict=True)
    ]
    only_better = sum(one and not other for one, other in hits)
    only_worse = sum(other and not one for one, other in hits)
    enlarged = len(hits) + 2
    centre = (only_better - only_worse) / enlarged
    spread = sqrt((only_better + only_worse + 1) / enlarged - centre**2)
    margin = _TWO_SIDED_95 * spread / sqrt(enlarged)
    split = bdtr(min(only_better, only_worse), only_better + only_worse, 0.5)
    return PairedDifference(
        radius=radius,
        difference=(only_better - only_worse) / len(hits),
        low=centre - margin,
        high=centre + margin,
        p_value=min(1.0, 2 * float(split)),
    )


def of_means(better: Sequence[Row], worse: Sequence[Row]) -> MeanDifference:
    """The difference of the average certified radii; a wrong class or an abstention counts as 0."""
    differences = np.array(
        [_radius(one) - _radius(other) for one, other in zip(better, worse, strict=True)]
    )
    count = len(differences)
    deviation = float(differences.std(ddof=1)) if count > 1 else nan
    return MeanDifference(
        difference=float(differences.mean()), margin=_TWO_SIDED_95 * deviation / sqrt(count)
    )


def _hit(row: Row, radius: float) -> bool:
    return row.correct and row.radius >= radius


def _radius(row: Row) -> float:
    return row.radius if row.correct else 0.0
