"""The votes behind a table, and the radii that follow from them again."""

import json
from dataclasses import replace

import pytest
from scipy.stats import beta, norm

from smoothing import Phase, SmoothingParams, Votes, procedure_for
from training.evaluation.counts import Counts, certified_again, parse_counts, row_of

PARAMS = SmoothingParams(sigma=0.5, n0=10, n=1000, alpha=0.001)
SELECTION = Votes(counts=(1, 9, 0))
ESTIMATION = Votes(counts=(30, 960, 0), invalid=10)


def certificate():
    tally = {Phase.SELECTION: SELECTION, Phase.ESTIMATION: ESTIMATION}
    return procedure_for(PARAMS, 3).step(tally)


COUNTS = Counts.of(40, certificate())


def test_a_line_has_only_the_votes_that_there_are():
    record = json.loads(COUNTS.line())

    assert record == {
        "idx": 40,
        "num_classes": 3,
        "n0": 10,
        "n": 1000,
        "invalid": 10,
        "selected": 1,
        "p_lower": pytest.approx(beta.ppf(0.001, 960, 41)),
        "selection": {"0": 1, "1": 9},
        "estimation": {"0": 30, "1": 960, "invalid": 10},
    }


def test_a_line_can_be_read_back():
    assert parse_counts(COUNTS.line()) == COUNTS


def test_the_same_parameters_give_the_same_certificate_again():
    assert certified_again(COUNTS, PARAMS) == certificate()


def test_another_alpha_gives_the_radius_of_its_own_bound():
    again = certified_again(COUNTS, replace(PARAMS, alpha=0.05))

    radius = 0.5 * norm.ppf(beta.ppf(0.05, 960, 41) - 1e-7)
    assert again.radius == pytest.approx(radius, abs=2e-6)
    assert again.radius > certificate().radius


def test_counts_of_another_n_are_refused():
    with pytest.raises(ValueError, match="image 40: votes are missing"):
        certified_again(COUNTS, replace(PARAMS, n=2000))
    with pytest.raises(ValueError, match="image 40: 1000 estimation votes"):
        certified_again(COUNTS, replace(PARAMS, n=500))


def test_a_row_is_what_the_certificate_says_of_the_label():
    right, wrong = (row_of(40, label, certificate(), 2.0) for label in (1, 2))

    assert (right.predict, right.correct, right.radius) == (1, True, certificate().radius)
    assert (wrong.predict, wrong.correct) == (1, False)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("", "Expecting value"),
        ("7", "not the counts"),
        ('{"idx": 1}', "not the counts"),
        (COUNTS.line().replace('"n": 1000', '"n": 999'), r"\(10, 999\).*\(10, 1000\)"),
        (COUNTS.line().replace('"1": 960', '"7": 960'), r"class must be in \[0, 2\]"),
    ],
)
def test_a_line_that_makes_no_sense_is_refused(line: str, fault: str):
    with pytest.raises(ValueError, match=fault):
        parse_counts(line)
