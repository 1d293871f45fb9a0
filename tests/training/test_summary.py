"""Certified accuracy of small tables, by hand."""

import pytest
from scipy.stats import binomtest

from training.evaluation.summary import summarise
from training.evaluation.table import Row

ROWS = [
    Row(idx=0, label=1, predict=1, radius=0.6, correct=True, time_s=1.0),
    Row(idx=1, label=1, predict=1, radius=0.25, correct=True, time_s=1.0),
    Row(idx=2, label=1, predict=2, radius=0.5, correct=False, time_s=1.0),
    Row(idx=3, label=1, predict=-1, radius=0.0, correct=False, time_s=1.0),
]


def test_only_right_rows_with_the_radius_count():
    curve = [(point.radius, point.accuracy) for point in summarise(ROWS).curve]

    assert curve == [(0.0, 0.5), (0.25, 0.5), (0.5, 0.25), (0.75, 0.0)]


def test_abstentions_and_the_mean_radius():
    summary = summarise(ROWS)

    assert summary.abstention_rate == 0.25
    assert summary.average_certified_radius == pytest.approx(0.85 / 4)


@pytest.mark.parametrize("position", range(4))
def test_intervals_are_clopper_pearsons(position: int):
    point = summarise(ROWS).curve[position]

    exact = binomtest(round(4 * point.accuracy), 4).proportion_ci(0.95, method="exact")

    assert (point.low, point.high) == pytest.approx((exact.low, exact.high))
