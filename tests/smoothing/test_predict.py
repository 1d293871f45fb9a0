"""A prediction is the leading class, where chance does not explain its lead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from smoothing import (
    DrawMore,
    InvalidCounts,
    Phase,
    Procedure,
    SmoothingParams,
    Votes,
    leading_by_chance,
    procedure_for,
)

ESTIMATION = Phase.ESTIMATION


def predict(num_classes: int = 3, **values) -> Procedure:
    options = {"sigma": 0.5, "mode": "predict", "n": 100, "numerics": "fast"}
    return procedure_for(SmoothingParams(**(options | values)), num_classes)


def test_all_draws_are_asked_for_at_once() -> None:
    drawn = {ESTIMATION: Votes(counts=(1, 2, 3))}

    assert predict().step({}) == DrawMore(phase=ESTIMATION, start=0, stop=100)
    assert predict().step(drawn) == DrawMore(phase=ESTIMATION, start=6, stop=100)
    assert predict().draws_planned(drawn) == 100
    assert predict().interim(drawn) is None


@given(st.integers(0, 100), st.integers(0, 100), st.sampled_from([0.05, 0.001]))
def test_the_test_is_the_one_of_the_paper(first: int, second: int, alpha: float) -> None:
    """The oracle of its own code: a two-sided binomial test of the two leading counts."""
    second = min(second, 100 - first)
    counts = (first, second, 100 - first - second)
    leading, runner_up, _ = sorted(counts, reverse=True)

    result = predict(alpha=alpha).step({ESTIMATION: Votes(counts=counts)})

    answered = binomtest(leading, leading + runner_up, 0.5).pvalue <= alpha
    assert result.predicted == (counts.index(leading) if answered else None)


@given(st.integers(1, 500), st.integers(0, 500))
def test_the_p_value_is_the_library_s(leading: int, second: int) -> None:
    second = min(leading, second)

    p_value = leading_by_chance(leading, second)

    assert p_value == pytest.approx(binomtest(leading, leading + second, 0.5).pvalue, rel=1e-9)


@given(st.integers(1, 500), st.integers(0, 500), st.sampled_from([1e-7, 1e-3, 0.1]))
def test_an_advantage_is_given_to_the_leader(leading: int, second: int, advantage: float) -> None:
    second = min(leading, second)

    p_value = leading_by_chance(leading, second, advantage=advantage)

    tail = binom.sf(leading - 1, leading + second, 0.5 + advantage)
    assert p_value == pytest.approx(min(2 * tail, 1.0), rel=1e-9)


def test_no_draws_are_no_lead() -> None:
    assert leading_by_chance(0, 0) == 1.0
    assert leading_by_chance(7, 7) == 1.0


@pytest.mark.parametrize(("leading", "second"), [(1, 2), (1, -1), (-1, -1)])
def test_a_leader_that_does_not_lead_is_refused(leading: int, second: int) -> None:
    with pytest.raises(InvalidCounts, match=f"{leading} against {second}"):
        leading_by_chance(leading, second)


def test_a_prediction_has_no_radius() -> None:
    result = predict().step({ESTIMATION: Votes(counts=(90, 6, 4))})

    assert (result.predicted, result.selected) == (0, 0)
    assert result.radius == result.radius_ceiling == result.p_lower == 0.0
    assert result.stop_reason == "complete"
    assert result.decision is None


@pytest.mark.parametrize(
    "votes", [Votes(counts=(30, 5, 5), invalid=60), Votes(counts=(30, 5, 35), invalid=30)]
)
def test_invalid_draws_are_one_more_class_to_beat(votes: Votes) -> None:
    assert predict().step({ESTIMATION: votes}).abstained


def test_a_p_value_of_just_alpha_is_enough() -> None:
    """As in the paper, which abstains above alpha; ten draws that agree have just 2^-9."""
    result = predict(n=10, alpha=2**-9).step({ESTIMATION: Votes(counts=(10, 0, 0))})

    assert leading_by_chance(10, 0) == 2**-9
    assert result.predicted == 0


def test_an_abstention_says_why() -> None:
    close = predict().step({ESTIMATION: Votes(counts=(50, 45, 5))})
    invalid = predict().step({ESTIMATION: Votes(counts=(0, 0, 0), invalid=100)})

    assert close.abstention_reason == "too_close"
    assert close.abstention_explanation == (
        "Though class 0 won 50 of 100 draws, another outcome had 45: too close to call at "
        "alpha=0.001."
    )
    assert invalid.abstention_reason == "no_majority"
    assert "not finite" in invalid.abstention_explanation


def test_a_family_needs_a_clearer_lead() -> None:
    tally = {ESTIMATION: Votes(counts=(70, 30, 0))}

    assert predict().step(tally).predicted == 0
    assert predict(family_size=1_000).step(tally).abstained


def test_noise_is_paid_for_by_the_leader() -> None:
    """Both outcomes may be off by a ten-millionth of a probability of at least 1 / (K + 1)."""
    num_classes = 1_000_000
    p_value = 2 * binom.sf(74, 100, 0.5)
    paid = 2 * binom.sf(74, 100, 0.5 + 1e-7 / (1 / (num_classes + 1) - 1e-7))
    counts = Votes(counts=(75, 25, *[0] * (num_classes - 2)))

    def answered(numerics: str, alpha: float) -> bool:
        procedure = predict(num_classes, numerics=numerics, alpha=alpha)
        return not procedure.step({ESTIMATION: counts}).abstained

    assert paid > 1.2 * p_value
    assert answered("fast", p_value * 1.001)
    assert not answered("sound", paid * (1 - 1e-7))
    assert answered("sound", paid * (1 + 1e-7))


@pytest.mark.parametrize(
    ("tally", "message"),
    [
        ({Phase.SELECTION: Votes(counts=(1, 0, 0))}, "1 selection votes, at most 0"),
        ({ESTIMATION: Votes(counts=(100, 1, 0))}, "101 estimation votes, at most 100"),
    ],
)
def test_an_impossible_tally_is_refused(tally, message: str) -> None:
    with pytest.raises(InvalidCounts, match=message):
        predict().step(tally)
