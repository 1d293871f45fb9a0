"""A decision looks where the parameters say, and is a yes only where the bound shows the radius."""

from itertools import pairwise
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from smoothing import (
    Certificate,
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
from smoothing.procedures.decide import expected_draws, hits_needed
from smoothing.procedures.looks import is_look, next_look

ESTIMATION = Phase.ESTIMATION
N = 10_000


def decide(num_classes: int = 3, **values) -> Procedure:
    options = {"sigma": 0.5, "mode": "decide", "radius": 0.25, "n": N}
    return procedure_for(SmoothingParams(**(options | values)), num_classes)


def votes_of(hits: int, total: int) -> dict[Phase, Votes]:
    """Hits for the second of three classes; of the others, each has half."""
    rest = total - hits
    return {ESTIMATION: Votes(counts=(rest // 2, hits, rest - rest // 2))}


def asked(start: int, stop: int) -> DrawMore:
    return DrawMore(phase=ESTIMATION, start=start, stop=stop)


def looks_of(n: int) -> list[int]:
    looks = [0]
    while looks[-1] < n:
        looks.append(next_look(looks[-1], n))
    return looks


def test_looks_are_dense_at_first_and_never_much_too_late() -> None:
    looks = looks_of(100_000)

    assert looks[:4] == [0, 64, 128, 192]
    assert looks[-1] == 100_000
    assert all(look % 64 == 0 for look in looks[:-1])
    assert all(after <= max(before * 17 / 16, before + 64) for before, after in pairwise(looks))
    assert len(looks) <= 101


@given(st.integers(1, 100_000), st.integers(1, 100_000))
def test_a_larger_n_adds_looks_at_the_end(one: int, other: int) -> None:
    """So what was drawn for a smaller one has been looked at in the same places."""
    small, large = sorted((one, other))

    assert looks_of(small)[:-1] == looks_of(large)[: len(looks_of(small)) - 1]


@given(st.integers(1, 100_000), st.integers(0, 99_999))
def test_a_look_is_where_the_last_one_said(n: int, drawn: int) -> None:
    drawn %= n

    following = next_look(drawn, n)

    assert drawn < following <= n
    assert is_look(following, n)
    assert not any(
        is_look(between, n) for between in range(max(drawn + 1, following - 5), following)
    )


def test_draws_are_asked_for_up_to_the_next_look() -> None:
    assert decide().step({}) == asked(0, 64)
    assert decide().step(votes_of(30, 30)) == asked(30, 64)
    assert decide().step(votes_of(45, 64)) == asked(64, 128)
    assert decide().step(votes_of(45, 65)) == asked(65, 128)
    assert decide(n=50).step({}) == asked(0, 50)


@pytest.mark.parametrize(("hits", "total"), [(64, 64), (55, 64), (320, 384), (760, 1_024)])
@pytest.mark.parametrize("numerics", ["sound", "fast"])
def test_a_yes_is_the_radius_that_the_bound_shows(hits: int, total: int, numerics) -> None:
    """By the 95/5 rule: a twentieth of alpha is for the class."""
    slack = {"sound": 1e-7, "fast": 0.0}[numerics]
    bound = sequential_lower_bound(hits, total, alpha=0.95 * 0.001)
    proved = certified_radius(bound - slack, sigma=0.5)

    yes = decide(radius=proved, numerics=numerics).step(votes_of(hits, total))
    more = decide(radius=proved + 1e-6, numerics=numerics).step(votes_of(hits, total))

    assert (yes.decision, yes.predicted, yes.radius) == ("yes", 1, proved)
    assert yes.p_lower == bound
    assert yes.stop_reason == "shown"
    assert yes.p_runner_up_upper is None
    assert isinstance(more, DrawMore)


def test_a_yes_claims_the_radius_that_was_asked_about() -> None:
    """Though the bound shows more: a certificate states one claim."""
    result = decide(radius=0.1).step(votes_of(64, 64))

    assert result.radius == result.params.radius == 0.1
    assert certified_radius(result.p_lower - 1e-7, sigma=0.5) > 0.4
    assert result.radius_ceiling == result.params.radius_ceiling > 1.5


def test_the_noise_is_paid_for() -> None:
    """Where all of 100,000 draws agreed, a ten-millionth can be seen in the radius."""
    sound, fast = (
        SmoothingParams(sigma=1.0, mode="anytime", n=100_000, numerics=numerics).radius_ceiling
        for numerics in ("sound", "fast")
    )

    assert fast - sound == pytest.approx(4e-4, rel=0.25)


def test_a_small_radius_still_needs_the_class_to_be_sure() -> None:
    """The bound for the radius exceeds 1/2 before the stricter one for the class does."""
    tally = votes_of(50, 64)
    of_radius, of_class = (
        sequential_lower_bound(50, 64, alpha=share * 0.001) for share in (0.95, 0.05)
    )
    assert of_class < 0.5 < of_radius

    assert isinstance(decide(radius=1e-6).step(tally), DrawMore)


def test_a_family_needs_more_evidence() -> None:
    tally = votes_of(58, 64)

    assert decide().step(tally).decision == "yes"
    assert isinstance(decide(family_size=1_000).step(tally), DrawMore)


@given(st.integers(1, N), st.integers(0, N))
def test_a_no_comes_where_the_rest_would_have_to_agree_incredibly_often(total, hits) -> None:
    """By the bound on the misses, or because too few draws remain even if all agree."""
    procedure, total = decide(2), next_look(total - 1, N)
    hits = max(hits % (total + 1), total - hits % (total + 1))
    answer = procedure.step({ESTIMATION: Votes(counts=(hits, total - hits))})

    missing, remaining = hits_needed(procedure.params) - hits, N - total
    credible = 1 - sequential_lower_bound(total - hits, total, alpha=0.01)
    out_of_reach = missing > 0 and (missing > remaining or credible < missing / remaining)
    says_no = isinstance(answer, Certificate) and answer.decision == "no"
    assert says_no == out_of_reach


def test_a_radius_that_only_flawless_draws_could_still_show_is_out_of_reach() -> None:
    """Unless all draws were flawless so far."""
    last = looks_of(N)[-2]
    needed = hits_needed(decide().params)
    flawed = decide().step(votes_of(needed - (N - last), last))
    ceiling = SmoothingParams(sigma=0.5, mode="anytime", n=N).radius_ceiling
    flawless = decide(radius=ceiling).step(votes_of(last, last))

    assert (flawed.decision, flawed.stop_reason) == ("no", "futile")
    assert flawless == asked(last, N)
    assert hits_needed(decide(radius=ceiling).params) == N


def test_the_hits_needed_are_those_of_the_last_look() -> None:
    procedure = decide(2)
    needed = hits_needed(procedure.params)

    enough, short = (
        procedure.step({ESTIMATION: Votes(counts=(hits, N - hits))})
        for hits in (needed, needed - 1)
    )

    assert (enough.decision, enough.stop_reason) == ("yes", "shown")
    assert (short.decision, short.stop_reason) == ("no", "complete")


def test_a_no_says_why() -> None:
    futile = decide().step(votes_of(20, 64))
    at_the_end = decide(n=64).step(votes_of(45, 64))

    assert (futile.decision, futile.predicted, futile.radius) == ("no", None, 0.0)
    assert (futile.stop_reason, futile.abstention_reason) == ("futile", "not_shown")
    assert futile.abstention_explanation == (
        "A radius of 0.25 was not shown: class 0 won 22 of 64 draws, "
        "and more draws, up to n=10000, were not expected to change that."
    )
    assert (at_the_end.decision, at_the_end.stop_reason) == ("no", "complete")
    assert at_the_end.abstention_explanation.endswith("class 1 won 45 of 64 draws.")


def test_draws_that_are_all_invalid_show_nothing() -> None:
    result = decide().step({ESTIMATION: Votes(counts=(0, 0, 0), invalid=64)})

    assert (result.decision, result.selected) == ("no", None)
    assert result.abstention_reason == "no_majority"
    assert "not finite" in result.abstention_explanation


def test_invalid_draws_count_against_the_class() -> None:
    answer = decide().step({ESTIMATION: Votes(counts=(0, 32, 0), invalid=32)})

    assert not isinstance(answer, Certificate) or answer.decision == "no"


@given(st.integers(1, 120), st.integers(0, 6_000), st.integers(0, 6_000))
def test_more_hits_never_turn_a_yes_into_anything_else(look: int, one: int, other: int) -> None:
    total = next_look(min(50 * look, N - 1), N)
    few, many = sorted(max(hits % (total + 1), (total + 1) // 2) for hits in (one, other))

    def answer(hits: int) -> str:
        result = decide(2).step({ESTIMATION: Votes(counts=(hits, total - hits))})
        return result.decision if isinstance(result, Certificate) else "more"

    order = ["no", "more", "yes"]
    assert order.index(answer(few)) <= order.index(answer(many))


def test_part_of_a_range_and_the_past_decide_nothing() -> None:
    assert isinstance(decide().step(votes_of(63, 63)), DrawMore)
    assert decide().interim(votes_of(64, 64)) is None


def test_the_plan_is_an_estimate_that_ends_with_the_answer() -> None:
    """Few draws for what is clear, all of them for what lies on the border."""
    clear, border = (
        decide().draws_planned(votes_of(50, 64)),
        decide().draws_planned(votes_of(45, 64)),
    )

    assert decide().draws_planned({}) == 64
    assert decide(radius=1.0).draws_planned({}) == 384
    assert decide().draws_planned(votes_of(64, 64)) == 64
    assert 128 <= clear <= 2_000 < border <= N
    assert is_look(clear, N)
    assert decide().draws_planned(votes_of(60, 128)) <= 500
    at_the_goal = round(hits_needed(decide().params) / N * 1_024)
    assert decide().draws_planned(votes_of(at_the_goal, 1_024)) == N


def test_the_first_plan_is_the_first_look_that_can_be_a_yes() -> None:
    ceiling = SmoothingParams(sigma=0.5, mode="anytime", n=64).radius_ceiling

    assert decide(radius=ceiling).draws_planned({}) == 64
    assert decide(radius=ceiling + 1e-6).draws_planned({}) == 128


def test_the_last_plan_is_all_draws_where_a_look_comes_just_before() -> None:
    assert decide(n=129, radius=0.1).draws_planned(votes_of(47, 64)) == 129


@given(st.integers(512, 1_024))
def test_an_answer_takes_its_evidence_over_that_of_a_draw(hits: int) -> None:
    """Wald's estimate: so many nats, and two in excess, over the relative entropy of a draw."""
    params = decide().params
    share, goal = hits / 1_024, hits_needed(params) / N
    nats = 2 - log(0.95 * 0.001 if share >= goal else 0.01)

    expected = expected_draws(Votes(counts=(hits, 1_024 - hits)), params)

    draws = nats / entropy([share, 1 - share], [goal, 1 - goal])
    assert expected == pytest.approx(min(draws, N), abs=1)


def test_draws_that_only_just_suffice_promise_no_end() -> None:
    params = decide().params
    needed = hits_needed(params)

    assert expected_draws(Votes(counts=(needed, N - needed)), params) == N


@pytest.mark.parametrize(
    ("tally", "message"),
    [
        ({Phase.SELECTION: Votes(counts=(1, 0, 0))}, "1 selection votes, at most 0"),
        ({ESTIMATION: Votes(counts=(N, 1, 0))}, "10001 estimation votes, at most 10000"),
        ({ESTIMATION: Votes(counts=(1, 1))}, "2 classes, expected 3"),
    ],
)
def test_an_impossible_tally_is_refused(tally, message: str) -> None:
    with pytest.raises(InvalidCounts, match=message):
        decide().step(tally)
