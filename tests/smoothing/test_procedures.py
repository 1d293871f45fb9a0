"""A fixed procedure asks for what it said, answers at the end, and is wrong at most alpha often."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betainc
from scipy.stats import binom

from smoothing import (
    Certificate,
    DrawMore,
    FixedProcedure,
    InvalidCounts,
    InvalidParams,
    Phase,
    Procedure,
    SmoothingParams,
    Votes,
    certified_radius,
    lower_confidence_bound,
    procedure_for,
)

SELECTION, ESTIMATION = Phase.SELECTION, Phase.ESTIMATION
PARAMS = SmoothingParams(sigma=0.5, n0=10, n=1_000)
SELECTED = Votes(counts=(1, 8, 0), invalid=1)


@pytest.fixture
def procedure() -> Procedure:
    return procedure_for(PARAMS, 3)


def asked(phase: Phase, start: int, stop: int) -> DrawMore:
    return DrawMore(phase=phase, start=start, stop=stop)


def test_selection_comes_first(procedure: Procedure) -> None:
    assert procedure.step({}) == asked(SELECTION, 0, 10)


def test_estimation_follows_from_its_own_first_draw(procedure: Procedure) -> None:
    answer = procedure.step({SELECTION: SELECTED})

    assert answer == asked(ESTIMATION, 0, 1_000)
    assert answer.num_draws == 1_000


def test_the_certificate_comes_last(procedure: Procedure) -> None:
    estimation = Votes(counts=(5, 990, 3), invalid=2)

    result = procedure.step({SELECTION: SELECTED, ESTIMATION: estimation})

    assert isinstance(result, Certificate)
    assert result.predicted == result.selected == 1
    assert result.p_lower == lower_confidence_bound(990, 1_000, alpha=0.001)
    assert 0 < result.radius < result.radius_ceiling
    assert result.p_runner_up_upper is None
    assert result.params == PARAMS
    assert result.tally == {SELECTION: SELECTED, ESTIMATION: estimation}


def test_the_ceiling_is_the_radius_of_unanimous_votes(procedure: Procedure) -> None:
    result = procedure.step({SELECTION: SELECTED, ESTIMATION: Votes(counts=(0, 1_000, 0))})

    assert result.radius == result.radius_ceiling
    assert result.radius == certified_radius(0.001 ** (1 / 1_000) - 1e-7, sigma=0.5)


def test_invalid_draws_count_against_the_class(procedure: Procedure) -> None:
    result = procedure.step(
        {SELECTION: SELECTED, ESTIMATION: Votes(counts=(0, 500, 0), invalid=500)}
    )

    assert result.abstained
    assert result.abstention_reason == "no_majority"


@pytest.mark.parametrize(("numerics", "predicted"), [("sound", None), ("fast", 0)])
def test_a_majority_smaller_than_the_noise_costs_is_none(numerics, predicted: int | None) -> None:
    """At this alpha the bound of 540 in 1,000 is 0.5 + 5e-8, and sound noise costs 1e-7."""
    alpha = float(betainc(540, 461, 0.5 + 5e-8))
    params = SmoothingParams(sigma=0.5, n0=1, n=1_000, alpha=alpha, numerics=numerics)
    tally = {SELECTION: Votes(counts=(1, 0)), ESTIMATION: Votes(counts=(540, 460))}

    result = procedure_for(params, 2).step(tally)

    assert result.p_lower > 0.5
    assert result.predicted == predicted
    assert result.radius == 0.0


def test_a_bound_of_one_half_certifies_nothing() -> None:
    """Of three draws with p = 1/2, two or more agree in just half of all cases."""
    params = SmoothingParams(sigma=0.5, n0=1, n=3, alpha=0.5, numerics="fast")
    tally = {SELECTION: Votes(counts=(1, 0)), ESTIMATION: Votes(counts=(2, 1))}

    result = procedure_for(params, 2).step(tally)

    assert (result.p_lower, result.predicted) == (0.5, None)


@given(st.integers(0, 9))
def test_part_of_selection_asks_for_its_rest(drawn: int) -> None:
    tally = {SELECTION: Votes(counts=(drawn, 0, 0))}

    assert procedure_for(PARAMS, 3).step(tally) == asked(SELECTION, drawn, 10)


@given(st.integers(0, 999))
def test_part_of_estimation_certifies_nothing(drawn: int) -> None:
    tally = {SELECTION: SELECTED, ESTIMATION: Votes(counts=(0, drawn, 0))}
    procedure = procedure_for(PARAMS, 3)

    assert procedure.step(tally) == asked(ESTIMATION, drawn, 1_000)
    assert procedure.interim(tally) is None


@given(st.integers(0, 1_000), st.integers(0, 10))
def test_equal_tallies_have_equal_answers(hits: int, guesses: int) -> None:
    selection = Votes(counts=(10 - guesses, guesses, 0))
    tally = {SELECTION: selection, ESTIMATION: Votes(counts=(1_000 - hits, hits, 0))}
    before = dict(tally)
    procedure = procedure_for(PARAMS, 3)

    result = procedure.step(tally)

    assert procedure.step(tally) == result
    assert procedure.step(result.tally) == result
    assert tally == before


def test_the_plan_is_all_draws(procedure: Procedure) -> None:
    assert procedure.draws_planned({}) == 1_010
    assert procedure.draws_planned({SELECTION: SELECTED}) == 1_010


def test_no_class_to_estimate_is_an_abstention_at_once(procedure: Procedure) -> None:
    tally = {SELECTION: Votes(counts=(0, 0, 0), invalid=10)}

    result = procedure.step(tally)

    assert result.abstained
    assert result.selected is None
    assert result.p_lower == result.radius == 0.0
    assert result.abstention_reason == "no_majority"
    assert "not finite" in result.abstention_explanation
    assert procedure.step(result.tally) == result
    assert procedure.draws_planned(tally) == 10


@pytest.mark.parametrize(
    ("tally", "message"),
    [
        ({SELECTION: Votes(counts=(11, 0, 0))}, "11 selection votes, at most 10"),
        ({ESTIMATION: Votes(counts=(1, 0, 0))}, "1 estimation votes, at most 0"),
        (
            {SELECTION: Votes(counts=(9, 0, 0)), ESTIMATION: Votes(counts=(1, 0, 0))},
            "1 estimation votes, at most 0",
        ),
        (
            {SELECTION: SELECTED, ESTIMATION: Votes(counts=(1_001, 0, 0))},
            "1001 estimation votes, at most 1000",
        ),
        (
            {SELECTION: Votes(counts=(0, 0, 0), invalid=10), ESTIMATION: Votes(counts=(1, 0, 0))},
            "1 estimation votes, at most 0",
        ),
        ({SELECTION: Votes(counts=(5, 5))}, "2 classes, expected 3"),
    ],
)
def test_an_impossible_tally_is_refused(procedure: Procedure, tally, message: str) -> None:
    with pytest.raises(InvalidCounts, match=message):
        procedure.step(tally)


def test_a_range_has_as_many_draws_as_lie_between_its_ends() -> None:
    assert asked(ESTIMATION, 64, 192).num_draws == 128


@pytest.mark.parametrize(("start", "stop"), [(-1, 3), (3, 3), (4, 3)])
def test_an_empty_range_is_refused(start: int, stop: int) -> None:
    with pytest.raises(InvalidParams, match="start < stop"):
        asked(SELECTION, start, stop)


def test_one_class_is_nothing_to_certify() -> None:
    with pytest.raises(InvalidParams, match="at least 2, got 1") as caught:
        procedure_for(PARAMS, 1)
    assert caught.value.field == "num_classes"


def test_the_mode_picks_the_procedure() -> None:
    assert procedure_for(PARAMS, 3) == FixedProcedure(params=PARAMS, num_classes=3)


@pytest.mark.parametrize("probability", [0.5, 0.84])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_certificates_are_wrong_at_most_alpha_often(alpha: float, probability: float) -> None:
    """At p = 1/2 no class may be certified; elsewhere the bound may not exceed p.

    With enough selection draws the top class is picked nearly always at 0.84, so the share
    must also come close to alpha, or the bound would be weaker than it could be.
    """
    params = SmoothingParams(sigma=0.5, n0=21, n=1_000, alpha=alpha, numerics="fast")
    procedure, generator, trials = procedure_for(params, 2), np.random.default_rng(11), 20_000
    selections = generator.binomial(params.n0, probability, size=trials).tolist()
    estimations = generator.binomial(params.n, probability, size=trials).tolist()

    def wrong(selected: int, estimated: int) -> bool:
        selection = Votes(counts=(selected, params.n0 - selected))
        estimation = Votes(counts=(estimated, params.n - estimated))
        result = procedure.step({SELECTION: selection, ESTIMATION: estimation})
        truth = (probability, 1 - probability)
        return not result.abstained and result.p_lower >= truth[result.predicted]

    # Equal tallies have equal answers, so each is certified once.
    simulated = Counter(zip(selections, estimations, strict=True))
    num_wrong = sum(times for tally, times in simulated.items() if wrong(*tally))

    assert num_wrong <= binom.isf(1e-6, trials, alpha)
    assert num_wrong >= binom.isf(1 - 1e-6, trials, 0.6 * alpha)
