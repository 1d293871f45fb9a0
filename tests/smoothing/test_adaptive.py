"""An adaptive procedure plans from its pilot, and proves from fresh draws alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, norm

from smoothing import (
    Certificate,
    DrawMore,
    InvalidCounts,
    Phase,
    Procedure,
    SmoothingParams,
    Votes,
    certified_radius,
    lower_confidence_bound,
    procedure_for,
)

SELECTION, ESTIMATION = Phase.SELECTION, Phase.ESTIMATION
SIZES = [128, 256, 512, 1_024, 2_048, 4_096]


def adaptive(num_classes: int = 3, **values) -> Procedure:
    return procedure_for(
        SmoothingParams(**({"sigma": 0.5, "mode": "adaptive", "n": 100_000} | values)), num_classes
    )


def asked(phase: Phase, start: int, stop: int) -> DrawMore:
    return DrawMore(phase=phase, start=start, stop=stop)


def pilot_of(total: int, share: float, rival: float = 1.0) -> Votes:
    """Votes for three classes: a share for the second, and of the rest a share for the third."""
    top = round(total * share)
    third = round((total - top) * rival)
    return Votes(counts=(total - top - third, top, third))


def oracle_radius(top: float, rival: float, n: int, *, alpha: float, bound: str) -> float:
    """In sigmas, what `n` draws give if these shares of them fall so; by another library."""
    if bound == "top":
        return max(norm.ppf(beta.ppf(alpha, top * n, n - top * n + 1) - 1e-7), 0.0)
    lower = beta.ppf(0.9 * alpha, top * n, n - top * n + 1)
    upper = min(beta.isf(0.1 * alpha, rival * n + 1, n - rival * n), 1 - lower)
    return max((norm.ppf(lower - 1e-7) - norm.ppf(upper + 1e-7)) / 2, 0.0)


def hopeful_radius(pilot: Votes, bound: str) -> float:
    """In sigmas, of 50,000 draws: the class's upper bound and the rival's lower one, at 1 %."""
    total, top, rival = pilot.total, max(pilot.counts), sorted(pilot.counts)[1]
    high = beta.isf(0.01, top + 1, total - top) if top < total else 1 - 1e-15
    low = beta.ppf(0.01, rival, total - rival + 1) if rival else 0.0
    return oracle_radius(high, low, 50_000, alpha=0.001, bound=bound)


def test_the_pilot_comes_first() -> None:
    assert adaptive().step({}) == asked(SELECTION, 0, 128)


@given(st.integers(1, 4_095))
def test_part_of_a_pilot_asks_for_its_rest(drawn: int) -> None:
    """Where the pilot looks, no vote can move; so a process that takes over looks there too."""
    answer = adaptive().step({SELECTION: Votes(counts=(0, drawn, 0))})

    following = next(size for size in SIZES if size > drawn)
    assert answer == asked(SELECTION, drawn, following)


def test_a_pilot_grows_while_it_is_small_against_its_plan() -> None:
    procedure = adaptive()

    at_1024 = procedure.step({SELECTION: Votes(counts=(0, 1_024, 0))})
    at_2048 = procedure.step({SELECTION: Votes(counts=(0, 2_048, 0))})

    assert at_1024 == asked(SELECTION, 1_024, 2_048)
    assert at_2048.phase is ESTIMATION
    assert 0.04 * at_2048.stop <= 2_048 < 0.08 * at_2048.stop


def test_a_pilot_that_suffices_for_its_plan_is_complete() -> None:
    answer = adaptive(precision=0.5).step({SELECTION: pilot_of(128, 0.9)})

    assert answer.phase is ESTIMATION
    assert answer.start == 0
    assert answer.stop <= 128 / 0.04


def test_a_pilot_of_just_the_share_of_its_plan_is_complete() -> None:
    """128 is 4 % of 3,200."""
    tied = {SELECTION: Votes(counts=(64, 64, 0))}

    assert adaptive(n=3_200).step(tied) == asked(ESTIMATION, 0, 3_200)
    assert adaptive(n=3_200).draws_planned({}) == 128 + 3_200


@pytest.mark.parametrize("bound", ["top", "runner-up"])
@pytest.mark.parametrize(("share", "rival"), [(0.7, 0.5), (0.85, 0.9), (0.96, 1.0), (1.0, 1.0)])
@pytest.mark.parametrize("precision", [0.02, 0.1])
def test_the_plan_is_the_fewest_draws_that_lose_so_little(bound, share, rival, precision) -> None:
    """A twentieth of the loss is kept back, for what the pilot misreads."""
    pilot = pilot_of(4_096, share, rival)
    top, third = pilot.counts[1] / 4_096, max(pilot.counts[0], pilot.counts[2]) / 4_096

    def radius(n: int) -> float:
        return oracle_radius(top, third, n, alpha=0.001, bound=bound)

    plan = adaptive(bound=bound, precision=precision).step({SELECTION: pilot}).stop

    wanted = (1 - 0.95 * precision) * radius(100_000)
    assert radius(plan) >= wanted > radius(plan - 1)


def test_a_family_needs_larger_plans() -> None:
    tally = {SELECTION: pilot_of(4_096, 0.9)}

    alone, of_many = adaptive().step(tally), adaptive(family_size=1_000).step(tally)

    assert alone.stop < of_many.stop


@given(st.integers(0, 2_048))
def test_a_plan_is_never_more_than_what_is_allowed(hits: int) -> None:
    answer = adaptive(n=50_000, precision=0.001).step(
        {SELECTION: Votes(counts=(2_048 - hits, hits, 0))}
    )

    assert isinstance(answer, Certificate) or (answer.phase, answer.start) == (ESTIMATION, 0)
    assert isinstance(answer, Certificate) or answer.stop <= 50_000


def test_the_certificate_rests_on_the_fresh_draws_alone() -> None:
    pilot = pilot_of(512, 0.9)
    plan = adaptive().step({SELECTION: pilot}).stop
    fresh = Votes(counts=(7, plan - 60, 50), invalid=3)

    result = adaptive().step({SELECTION: pilot, ESTIMATION: fresh})

    assert result.predicted == result.selected == 1
    assert result.p_lower == lower_confidence_bound(plan - 60, plan, alpha=0.001)
    assert result.radius == certified_radius(result.p_lower - 1e-7, sigma=0.5)
    assert result.radius < result.radius_ceiling
    assert result.stop_reason == "complete"
    assert result.tally == {SELECTION: pilot, ESTIMATION: fresh}


@pytest.mark.parametrize(("bound", "counts"), [("top", (64, 64, 0)), ("runner-up", (40, 44, 44))])
def test_an_image_on_a_border_takes_a_longer_look(bound, counts) -> None:
    """A small pilot may be wrong about it."""
    answer = adaptive(bound=bound).step({SELECTION: Votes(counts=counts)})

    assert answer == asked(SELECTION, 128, 256)


@pytest.mark.parametrize(
    ("bound", "counts"),
    [("top", (1_400, 1_348, 1_348)), ("runner-up", (1_370, 1_363, 1_363)), ("top", (44, 43, 41))],
)
def test_an_image_without_a_radius_is_given_up_at_once(bound, counts) -> None:
    """Whoever is hopeful still sees no radius of a twentieth of sigma."""
    pilot = Votes(counts=counts)

    result = adaptive(bound=bound).step({SELECTION: pilot})

    assert result.abstained
    assert (result.stop_reason, result.abstention_reason) == ("hopeless", "hopeless")
    assert f"In the pilot class 0 won {counts[0]} of {sum(counts)} draws" in (
        result.abstention_explanation
    )
    assert result.radius == result.p_lower == 0.0
    assert adaptive(bound=bound).draws_planned({SELECTION: pilot}) == sum(counts)


@pytest.mark.parametrize("bound", ["top", "runner-up"])
@given(hits=st.integers(21, 2_048))
def test_what_is_given_up_has_no_credible_radius(bound, hits: int) -> None:
    pilot = pilot_of(2_048, hits / 2_048, 0.75)
    answer = adaptive(bound=bound, n=50_000).step({SELECTION: pilot})

    assert isinstance(answer, Certificate) == (hopeful_radius(pilot, bound) < 0.05)


@pytest.mark.parametrize("bound", ["top", "runner-up"])
def test_the_first_image_that_is_not_given_up_has_a_credible_radius_of_the_floor(bound) -> None:
    pilots = (pilot_of(2_048, hits / 2_048, 0.75) for hits in range(880, 2_048))

    worth = next(pilot for pilot in pilots if hopeful_radius(pilot, bound) >= 0.05)
    hopeless = pilot_of(2_048, worth.counts[1] / 2_048 - 1 / 2_048, 0.75)

    assert isinstance(adaptive(bound=bound, n=50_000).step({SELECTION: worth}), DrawMore)
    assert isinstance(adaptive(bound=bound, n=50_000).step({SELECTION: hopeless}), Certificate)


def test_a_pilot_of_invalid_draws_is_the_end() -> None:
    pilot = Votes(counts=(0, 0, 0), invalid=128)

    result = adaptive().step({SELECTION: pilot})

    assert result.selected is None
    assert result.abstention_reason == "no_majority"
    assert "not finite" in result.abstention_explanation


def test_the_plan_is_the_most_until_there_is_a_pilot() -> None:
    procedure, pilot = adaptive(), pilot_of(4_096, 0.9)

    assert procedure.draws_planned({}) == 4_096 + 100_000
    assert procedure.draws_planned({SELECTION: Votes(counts=(0, 100, 0))}) == 4_096 + 100_000
    assert (
        procedure.draws_planned({SELECTION: pilot})
        == 4_096 + procedure.step({SELECTION: pilot}).stop
    )
    assert procedure.draws_planned({SELECTION: pilot_of(128, 0.9)}) > 256


def test_part_of_estimation_certifies_nothing() -> None:
    procedure, pilot = adaptive(), pilot_of(512, 0.9)
    plan = procedure.step({SELECTION: pilot}).stop
    tally = {SELECTION: pilot, ESTIMATION: Votes(counts=(0, 100, 0))}

    assert procedure.step(tally) == asked(ESTIMATION, 100, plan)
    assert procedure.interim(tally) is None


@pytest.mark.parametrize(
    ("tally", "message"),
    [
        ({SELECTION: Votes(counts=(0, 4_097, 0))}, "4097 selection votes, at most 4096"),
        ({ESTIMATION: Votes(counts=(0, 1, 0))}, "1 estimation votes, at most 0"),
        (
            {SELECTION: Votes(counts=(0, 128, 0)), ESTIMATION: Votes(counts=(0, 1, 0))},
            "1 estimation votes, at most 0",
        ),
        (
            {SELECTION: Votes(counts=(43, 43, 42)), ESTIMATION: Votes(counts=(0, 1, 0))},
            "1 estimation votes, at most 0",
        ),
        (
            {SELECTION: pilot_of(4_096, 0.9), ESTIMATION: Votes(counts=(0, 10_001, 0))},
            "10001 estimation votes, at most",
        ),
        ({SELECTION: Votes(counts=(64, 64))}, "2 classes, expected 3"),
    ],
)
def test_an_impossible_tally_is_refused(tally, message: str) -> None:
    with pytest.raises(InvalidCounts, match=message):
        adaptive().step(tally)


@pytest.mark.parametrize(
    ("p", "draws", "tolerance"), [(0.6, 27_200, 0.1), (0.9, 4_700, 0.15), (1.0, 49_500, 0.05)]
)
def test_plans_cost_and_keep_what_the_reference_lets_expect(p, draws, tolerance: float) -> None:
    """Expected draws at a precision of 5 %, and a mean radius of 95 % of that of 100,000 draws."""
    procedure, generator = adaptive(2, sigma=1.0), np.random.default_rng(3)

    def run() -> tuple[int, float]:
        tally = {SELECTION: Votes.none(2), ESTIMATION: Votes.none(2)}
        while isinstance(answer := procedure.step(tally), DrawMore):
            hits = int(generator.binomial(answer.num_draws, p))
            tally[answer.phase] += Votes(counts=(hits, answer.num_draws - hits))
        return sum(votes.total for votes in tally.values()), answer.radius

    spent, radii = zip(*(run() for _ in range(40)), strict=True)

    full = certified_radius(
        lower_confidence_bound(round(p * 100_000), 100_000, alpha=0.001), sigma=1.0
    )
    assert np.mean(spent) == pytest.approx(draws, rel=tolerance)
    assert np.mean(radii) / full == pytest.approx(0.95, abs=0.01)
