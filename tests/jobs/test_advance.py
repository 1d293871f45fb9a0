"""What comes after a complete request."""

from itertools import pairwise
from typing import Any

import pytest

from jobs.advance import SHOWN_EVERY, advance, tally, worth_showing
from jobs.outcomes import Snapshot
from smoothing.certificate import Certificate
from smoothing.errors import InvalidCounts
from smoothing.procedures import DrawMore
from smoothing.votes import Phase, Votes


@pytest.fixture
def snapshot(make_spec: Any) -> Any:
    """Makes a snapshot of a job with n0 20 and n 100 from its chunks."""

    def make(chunks: Any) -> Snapshot:
        return Snapshot(
            spec=make_spec(),
            job_key=bytes(32),
            step=0,
            started_at=0,
            complete=True,
            chunks=chunks,
            makers=(),
        )

    return make


def test_votes_add_up_in_the_order_of_draws(snapshot: Any) -> None:
    chunks = {Phase.SELECTION: {10: (20, {"1": 9, "invalid": 1}), 0: (10, {"1": 4, "2": 6})}}

    assert tally(snapshot(chunks)) == {Phase.SELECTION: Votes(counts=(0, 13, 6), invalid=1)}


def test_votes_beyond_a_gap_do_not_count_yet(snapshot: Any) -> None:
    chunks = {Phase.SELECTION: {0: (10, {"1": 10}), 15: (20, {"2": 5})}}

    assert tally(snapshot(chunks)) == {Phase.SELECTION: Votes(counts=(0, 10, 0))}


def test_selection_is_followed_by_estimation_and_that_by_the_certificate(snapshot: Any) -> None:
    selection = {Phase.SELECTION: {0: (20, {"1": 20})}}
    both = selection | {Phase.ESTIMATION: {0: (100, {"1": 99, "0": 1})}}

    middle, end = advance(snapshot(selection)), advance(snapshot(both))

    assert middle == (DrawMore(phase=Phase.ESTIMATION, start=0, stop=100), 120)
    assert isinstance(end[0], Certificate)
    assert (end[0].predicted, end[1]) == (1, 120)


def test_a_selection_without_one_valid_draw_ends_in_an_abstention(snapshot: Any) -> None:
    certificate, planned = advance(snapshot({Phase.SELECTION: {0: (20, {"invalid": 20})}}))

    assert isinstance(certificate, Certificate)
    assert certificate.abstained
    assert planned == 20


def test_votes_that_no_run_can_give_are_refused(snapshot: Any) -> None:
    with pytest.raises(InvalidCounts):
        advance(snapshot({Phase.SELECTION: {0: (21, {"1": 21})}}))


def test_certificates_on_the_way_are_shown_after_the_first_commits_then_ever_less_often() -> None:
    commits = range(16, 160_001, 16)

    shown = [drawn for drawn in commits if worth_showing(drawn, 16)]

    assert shown[:64] == list(commits[:64])
    assert len(shown) < 64 + 64 * 6
    assert all(late - early <= SHOWN_EVERY * late + 16 for early, late in pairwise(shown))
