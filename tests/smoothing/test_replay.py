"""Whatever the mode: an answer is a function of its tally, and no claim exceeds its world."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import ncx2

from smoothing import (
    Certificate,
    DrawMore,
    InvalidCounts,
    InvalidParams,
    Phase,
    SmoothingParams,
    Votes,
    procedure_for,
    replay,
)
from smoothing.procedures import Opening, opening

MODES = {
    "fixed": {"n0": 20},
    "fixed runner-up": {"n0": 20, "bound": "runner-up"},
    "adaptive": {},
    "adaptive runner-up": {"bound": "runner-up"},
    "decide": {"radius": 0.2},
    "anytime": {},
    "predict": {},
}
Classify = Callable[[np.ndarray], np.ndarray]


def params_of(name: str, **values) -> SmoothingParams:
    options = {"sigma": 0.5, "mode": name.partition(" ")[0], "n": 2_000} | MODES[name]
    return SmoothingParams(**(options | values))


def draw(phase: Phase, start: int, stop: int, classify: Classify, seed: int, dims: int) -> Votes:
    """Votes on noise that is a function of its address, as a sampler's is."""
    noise = np.random.default_rng((seed, phase.index)).standard_normal((stop, dims))[start:]
    winners = classify(noise)
    return Votes(counts=tuple(np.bincount(winners, minlength=3).tolist()))


def certify(
    params: SmoothingParams, classify: Classify, seed: int, *, dims: int = 1
) -> Certificate:
    procedure = procedure_for(params, 3)
    tally = {phase: Votes.none(3) for phase in Phase}
    while isinstance(answer := procedure.step(tally), DrawMore):
        votes = draw(answer.phase, answer.start, answer.stop, classify, seed, dims)
        tally[answer.phase] += votes
    return answer


def half_space(distance: float, sigma: float) -> Classify:
    """Class 1 up to a plane at this distance, then class 2: the radius is the distance."""
    return lambda noise: np.where(sigma * noise[:, 0] < distance, 1, 2)


def ball(radius: float, sigma: float) -> Classify:
    """Class 1 within a ball around the image, class 2 outside."""
    return lambda noise: np.where(sigma * np.linalg.norm(noise, axis=1) < radius, 1, 2)


def radius_in_a_ball(radius: float, sigma: float, dims: int) -> float:
    """How far from its centre the ball still holds half of the noise; by another library."""

    def majority(distance: float) -> float:
        centre = (distance / sigma) ** 2
        return float(ncx2.cdf((radius / sigma) ** 2, dims, max(centre, 1e-12))) - 0.5

    return float(brentq(majority, 0.0, radius))


@pytest.mark.parametrize("name", MODES)
@given(seed=st.integers(0, 1_000), distance=st.floats(min_value=0.0, max_value=1.5))
def test_the_tally_of_a_certificate_gives_it_again(name: str, seed: int, distance: float) -> None:
    params = params_of(name)

    result = certify(params, half_space(distance, 0.5), seed)

    assert replay(params, 3, result.tally) == result
    assert replay(SmoothingParams(**params.stated()), 3, result.tally) == result


@pytest.mark.parametrize("name", MODES)
@given(seed=st.integers(0, 1_000), distance=st.floats(min_value=0.0, max_value=1.5))
def test_a_certificate_is_an_abstention_or_within_its_ceiling(name, seed, distance: float) -> None:
    result = certify(params_of(name), half_space(distance, 0.5), seed)

    assert result.abstained == (result.predicted is None) == (result.abstention_reason is not None)
    assert (result.abstention_explanation is None) == (not result.abstained)
    assert 0 <= result.radius <= result.radius_ceiling
    assert not result.abstained or result.radius == 0.0
    assert (result.decision is None) == (name != "decide")


@pytest.mark.parametrize("name", MODES)
@settings(max_examples=25)
@given(cut=st.integers(1, 63), seed=st.integers(0, 100))
def test_who_takes_over_in_the_middle_ends_with_the_same(name: str, cut: int, seed: int) -> None:
    """Ranges in pieces of any size: the looks are where they were."""
    params, classify = params_of(name, n=500), half_space(0.4, 0.5)
    procedure, tally = procedure_for(params, 3), {}

    while isinstance(answer := procedure.step(tally), DrawMore):
        stop = min(answer.start + cut, answer.stop)
        votes = draw(answer.phase, answer.start, stop, classify, seed, 1)
        tally = tally | {answer.phase: tally.get(answer.phase, Votes.none(3)) + votes}

    whole = certify(params, classify, seed)
    assert (answer.predicted, answer.radius) == (whole.predicted, whole.radius)
    assert answer.deciding_votes == whole.deciding_votes


@pytest.mark.parametrize("name", MODES)
def test_the_radius_of_a_half_space_is_not_exceeded(name: str) -> None:
    """A hundred images, each at alpha = 0.001: no claim is false, though some are close."""
    params = params_of(name, **({"radius": 0.3} if name == "decide" else {}))

    results = [certify(params, half_space(0.4, 0.5), seed) for seed in range(100)]

    assert all(result.predicted in (None, 1) for result in results)
    assert all(result.radius <= 0.4 for result in results)
    assert name == "predict" or max(result.radius for result in results) >= 0.3


@pytest.mark.parametrize("name", MODES)
@pytest.mark.parametrize("dims", [2, 8])
def test_the_radius_in_a_ball_is_not_exceeded(name: str, dims: int) -> None:
    """Curved away from the image on all sides: what is certified is well below the truth."""
    truth = radius_in_a_ball(2.0, 0.5, dims)
    params = params_of(name)

    results = [certify(params, ball(2.0, 0.5), seed, dims=dims) for seed in range(20)]

    assert all(result.predicted == 1 for result in results)
    assert all(result.radius <= truth for result in results)


@pytest.mark.parametrize("name", MODES)
def test_an_opening_is_what_a_procedure_says_before_its_first_draw(name: str) -> None:
    procedure = procedure_for(params_of(name), 3)

    said = opening(procedure.params, 3)

    assert said == Opening(first=procedure.step({}), draws_planned=procedure.draws_planned({}))
    with pytest.raises(InvalidParams, match="at least 2"):
        opening(procedure.params, 1)


def test_an_unfinished_tally_proves_nothing() -> None:
    unfinished = {Phase.SELECTION: Votes(counts=(20, 0, 0))}

    with pytest.raises(InvalidCounts, match=r"votes are missing.*stop=2000"):
        replay(params_of("fixed"), 3, unfinished)
    with pytest.raises(InvalidCounts, match="votes are missing"):
        replay(params_of("anytime"), 3, {})


def test_a_reading_of_an_anytime_is_replayed() -> None:
    tally = {Phase.ESTIMATION: Votes(counts=(0, 70, 3))}

    result = replay(params_of("anytime"), 3, tally)

    assert (result.predicted, result.stop_reason) == (1, "interim")


def test_one_class_is_nothing_to_replay() -> None:
    with pytest.raises(InvalidParams, match="at least 2"):
        replay(params_of("anytime"), 1, {})
