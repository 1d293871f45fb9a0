"""Certified accuracy of small tables, by hand."""

import itertools

import numpy as np
import pytest
from scipy.stats import binomtest

from smoothing.accuracy import radii_up_to
from training.errors import BadTable
from training.evaluation.summary import steps, summarise
from training.evaluation.table import Row

ROWS = [
    Row(idx=0, label=1, predict=1, radius=0.6, correct=True, time_s=1.0),
    Row(idx=1, label=1, predict=1, radius=0.25, correct=True, time_s=1.0),
    Row(idx=2, label=1, predict=2, radius=0.5, correct=False, time_s=1.0),
    Row(idx=3, label=1, predict=-1, radius=0.0, correct=False, time_s=1.0),
]
RADII = (0.0, 0.25, 0.5, 0.75)


def test_only_right_rows_with_the_radius_count():
    curve = [(point.radius, point.accuracy) for point in summarise(ROWS, RADII).curve]

    assert curve == [(0.0, 0.5), (0.25, 0.5), (0.5, 0.25), (0.75, 0.0)]


def test_abstentions_and_the_mean_radius():
    summary = summarise(ROWS, RADII)

    assert summary.abstention_rate == 0.25
    assert summary.average_certified_radius == pytest.approx(0.85 / 4)


@pytest.mark.parametrize("position", range(4))
def test_intervals_are_clopper_pearsons(position: int):
    point = summarise(ROWS, RADII).curve[position]

    exact = binomtest(round(4 * point.accuracy), 4).proportion_ci(0.95, method="exact")

    assert (point.low, point.high) == pytest.approx((exact.low, exact.high))


@pytest.mark.parametrize(
    ("ceiling", "last"), [(0.1, 0.75), (0.61, 0.75), (0.799, 0.75), (1.0, 1.0), (3.198, 3.0)]
)
def test_radii_are_the_quarters_that_can_be_reached_and_at_least_four(ceiling: float, last: float):
    radii = radii_up_to(ceiling)

    assert radii[:4] == RADII
    assert radii[-1] == last


def test_the_steps_are_the_whole_curve():
    random = np.random.default_rng(0)
    rows = [
        Row(idx=i, label=0, predict=0, radius=round(r, 1), correct=r < 0.7, time_s=0.0)
        for i, r in enumerate(random.random(50).tolist())
    ]

    points = steps(rows)

    assert [point.radius for point in points] == sorted({point.radius for point in points})
    for before, point in itertools.pairwise(points):
        between = (before.radius + point.radius) / 2
        (told,) = summarise(rows, (between,)).curve
        assert (told.accuracy, told.low, told.high) == (point.accuracy, point.low, point.high)
    assert summarise(rows, (points[-1].radius + 1e-9,)).curve[0].accuracy == 0


def test_no_row_is_no_figure():
    with pytest.raises(BadTable, match="no image"):
        summarise([], RADII)
