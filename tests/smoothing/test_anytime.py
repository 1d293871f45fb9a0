"""An anytime procedure may be read after any draw, and says what those draws prove."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothing import (
    DrawMore,
    InvalidCounts,
    Phase,
    Procedure,
    SmoothingParams,
    Votes,
    certified_radius,
    procedure_for,
    sequential_lower_bound,
)

ESTIMATION = Phase.ESTIMATION
N = 1_000


def anytime(num_classes: int = 3, **values) -> Procedure:
    options = {"sigma": 0.5, "mode": "anytime", "n": N}
    return procedure_for(SmoothingParams(**(options | values)), num_classes)


def votes_of(hits: int, total: int) -> dict[Phase, Votes]:
    rest = total - hits
    return {ESTIMATION: Votes(counts=(rest // 2, hits, rest - rest // 2))}


def test_all_draws_are_asked_for_at_once() -> None:
    assert anytime().step({}) == DrawMore(phase=ESTIMATION, start=0, stop=N)
    assert anytime().step(votes_of(3, 7)) == DrawMore(phase=ESTIMATION, start=7, stop=N)
    assert anytime().draws_planned(votes_of(3, 7)) == N


@given(st.integers(1, N).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_what_is_read_is_what_the_draws_so_far_prove(tally: tuple[int, int]) -> None:
    """A twentieth of alpha is for the class, the rest for its radius.

    Where the class is not sure, its probability has only the bound of the twentieth.
    """
    hits, total = tally
    votes = votes_of(hits, total)[ESTIMATION]
    leading = max(votes.counts)

    result = anytime().interim({ESTIMATION: votes})

    of_class = sequential_lower_bound(leading, total, alpha=0.05 * 0.001)
    of_radius = sequential_lower_bound(leading, total, alpha=0.95 * 0.001)
    assert result.selected == votes.leader
    assert result.p_lower == (of_radius if of_class > 0.5 else of_class)
    assert result.predicted == (votes.leader if of_class > 0.5 else None)
    expected = certified_radius(of_radius - 1e-7, sigma=0.5) if of_class > 0.5 else 0.0
    assert result.radius == expected <= result.radius_ceiling
    assert result.tally == {ESTIMATION: votes}


@pytest.mark.parametrize("total", [64, 1_000])
def test_a_class_counts_from_the_first_hit_that_makes_it_sure(total: int) -> None:
    """Where its bound at a twentieth of alpha exceeds one half, and not a hundredth later."""
    enough = next(
        hits
        for hits in range(total // 2, total)
        if sequential_lower_bound(hits, total, alpha=0.05 * 0.001) > 0.5
    )

    sure, unsure = (anytime().interim(votes_of(hits, total)) for hits in (enough, enough - 1))

    assert (sure.predicted, unsure.predicted) == (1, None)
    assert sure.radius > 0


def test_a_certificate_read_early_says_so() -> None:
    early, late = anytime().interim(votes_of(500, 501)), anytime().interim(votes_of(999, N))

    assert (early.stop_reason, late.stop_reason) == ("interim", "complete")
    assert late == anytime().step(votes_of(999, N))


def test_before_the_first_draw_there_is_nothing_to_read() -> None:
    assert anytime().interim({}) is None
    assert anytime().interim({ESTIMATION: Votes.none(3)}) is None


def test_draws_that_are_all_invalid_bound_nothing() -> None:
    result = anytime().interim({ESTIMATION: Votes(counts=(0, 0, 0), invalid=20)})

    assert (result.selected, result.p_lower, result.radius) == (None, 0.0, 0.0)


def test_a_larger_n_takes_up_where_a_smaller_one_ended() -> None:
    ended = anytime().step(votes_of(980, N))

    assert anytime(n=5_000).step(ended.tally) == DrawMore(phase=ESTIMATION, start=N, stop=5_000)
    assert anytime(n=5_000).interim(ended.tally).radius == ended.radius


@given(st.integers(1, 300), st.integers(0, 300), st.integers(0, 300))
def test_more_hits_never_lower_the_radius(total: int, one: int, other: int) -> None:
    few, many = sorted(max(hits % (total + 1), (total + 1) // 2) for hits in (one, other))

    fewer, more = (
        anytime(2).interim({ESTIMATION: Votes(counts=(hits, total - hits))}) for hits in (few, many)
    )

    assert fewer.radius <= more.radius
    assert fewer.p_lower <= more.p_lower


def test_unanimous_draws_reach_the_ceiling() -> None:
    result = anytime().step(votes_of(N, N))

    assert result.radius == result.radius_ceiling > 1


@pytest.mark.parametrize(
    ("counts", "invalid", "reason", "words"),
    [
        ((0, 0, 0), 20, "no_majority", "not finite"),
        ((40, 30, 30), 0, "no_majority", "class 0 won 40 of 100"),
        ((55, 45, 0), 0, "too_few_draws", "known to exceed 0.3"),
    ],
)
def test_an_abstention_says_why(counts, invalid: int, reason: str, words: str) -> None:
    result = anytime().interim({ESTIMATION: Votes(counts=counts, invalid=invalid)})

    assert result.abstained
    assert result.abstention_reason == reason
    assert words in result.abstention_explanation


@pytest.mark.parametrize(
    ("tally", "message"),
    [
        ({Phase.SELECTION: Votes(counts=(1, 0, 0))}, "1 selection votes, at most 0"),
        ({ESTIMATION: Votes(counts=(N, 1, 0))}, "1001 estimation votes, at most 1000"),
        ({ESTIMATION: Votes(counts=(1, 1))}, "2 classes, expected 3"),
    ],
)
def test_an_impossible_tally_is_refused(tally, message: str) -> None:
    with pytest.raises(InvalidCounts, match=message):
        anytime().step(tally)
    with pytest.raises(InvalidCounts, match=message):
        anytime().interim(tally)
