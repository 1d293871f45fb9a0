"""Paired differences against independent computations, and their coverage by enumeration."""

from math import comb

import numpy as np
import pytest
from scipy.stats import binomtest
from statsmodels.stats.contingency_tables import mcnemar

from training.evaluation.paired import at_radius, of_means
from training.evaluation.table import Row


def rows(radii: list[float], *, wrong: tuple[int, ...] = ()) -> list[Row]:
    return [
        Row(idx=i, label=0, predict=0, radius=r, correct=i not in wrong, time_s=0.0)
        for i, r in enumerate(radii)
    ]


def split(both: int, better: int, worse: int, neither: int) -> tuple[list[Row], list[Row]]:
    """Rows that are certified at 0.5 by both, by one of the two, and by neither."""
    first = [0.5] * (both + better) + [0.1] * (worse + neither)
    second = [0.5] * both + [0.1] * better + [0.5] * worse + [0.1] * neither
    return rows(first), rows(second)


@pytest.mark.parametrize("cells", [(10, 8, 2, 5), (0, 1, 9, 0), (50, 0, 0, 50), (3, 7, 7, 3)])
def test_the_p_value_is_mcnemars_exact_one(cells: tuple[int, int, int, int]):
    both, better, worse, neither = cells

    found = at_radius(*split(*cells), 0.5)

    oracle = mcnemar([[both, better], [worse, neither]], exact=True)
    assert found.p_value == pytest.approx(oracle.pvalue)
    if better != worse:
        assert found.p_value == pytest.approx(binomtest(better, better + worse).pvalue)


def test_the_difference_is_that_of_the_shares():
    found = at_radius(*split(10, 8, 2, 5), 0.5)

    assert found.difference == pytest.approx(18 / 25 - 12 / 25)
    assert found.low < found.difference < found.high
    assert at_radius(*split(10, 8, 2, 5), 0.1).difference == 0
    assert at_radius(*reversed(split(10, 8, 2, 5)), 0.5).difference == -found.difference


def test_a_wrong_class_is_certified_at_no_radius():
    better, worse = rows([0.5, 0.5]), rows([0.5, 0.5], wrong=(1,))

    assert at_radius(better, worse, 0.0).difference == 0.5


@pytest.mark.parametrize(("only_better", "only_worse"), [(0.15, 0.05), (0.1, 0.1), (0.04, 0.01)])
def test_the_interval_covers_as_often_as_it_says(only_better: float, only_worse: float):
    count, covered = 60, 0.0
    same = 1 - only_better - only_worse
    for better in range(30):
        for worse in range(30):
            ways = comb(count, better) * comb(count - better, worse)
            chance = ways * only_better**better * only_worse**worse
            chance *= same ** (count - better - worse)
            if chance > 1e-7:
                found = at_radius(*split(0, better, worse, count - better - worse), 0.5)
                covered += chance * (found.low <= only_better - only_worse <= found.high)

    assert 0.93 < covered < 1


def test_means_are_compared_image_by_image():
    random = np.random.default_rng(0)
    first, second = random.random((2, 40))

    found = of_means(rows(first.tolist(), wrong=(3,)), rows(second.tolist()))

    differences = first - second
    differences[3] = -second[3]
    assert found.difference == pytest.approx(differences.mean())
    assert found.margin == pytest.approx(1.959964 * np.std(differences, ddof=1) / np.sqrt(40))


def test_one_image_has_no_margin():
    assert np.isnan(of_means(rows([0.5]), rows([0.25])).margin)
