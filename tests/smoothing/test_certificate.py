"""Parameters check themselves, votes add up, and an abstention says why."""

from dataclasses import replace
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothing import (
    MAX_DRAWS,
    TOTAL_VARIATION,
    Certificate,
    InvalidCounts,
    InvalidParams,
    Phase,
    SmoothingParams,
    Votes,
    procedure_for,
)

counts = st.lists(st.integers(0, 10_000), min_size=4, max_size=4)


def votes_of(counts: list[int]) -> Votes:
    """Votes for three classes, and invalid ones."""
    return Votes(counts=tuple(counts[:3]), invalid=counts[3])


def certificate(selection: Votes, estimation: Votes, **params) -> Certificate:
    params = SmoothingParams(sigma=0.5, n0=selection.total, n=estimation.total, **params)
    procedure = procedure_for(params, len(selection.counts))
    answer = procedure.step({Phase.SELECTION: selection, Phase.ESTIMATION: estimation})
    assert isinstance(answer, Certificate)
    return answer


def test_defaults_are_the_ones_of_the_documentation() -> None:
    params = SmoothingParams(sigma=0.25)

    assert (params.mode, params.n0, params.n, params.alpha) == ("fixed", 100, 10_000, 0.001)
    assert (params.numerics, params.bound) == ("sound", "top")


@pytest.mark.parametrize(
    ("field", "value", "limits", "nearest"),
    [
        ("sigma", 0.0, r"\(0, 10\]", None),
        ("sigma", -0.25, r"\(0, 10\]", None),
        ("sigma", 10.1, r"\(0, 10\]", 10.0),
        ("sigma", nan, r"\(0, 10\]", None),
        ("sigma", inf, r"\(0, 10\]", 10.0),
        ("n0", 0, r"\[1, 1000000\]", 1),
        ("n0", MAX_DRAWS + 1, r"\[1, 1000000\]", MAX_DRAWS),
        ("n0", True, r"\[1, 1000000\]", None),
        ("n", 0, r"\[1, 1000000\]", 1),
        ("n", MAX_DRAWS + 1, r"\[1, 1000000\]", MAX_DRAWS),
        ("n", True, r"\[1, 1000000\]", None),
        ("n", 9, "at least 10 at alpha=0.001", 10),
        ("alpha", 0.0, r"\[1e-09, 0.5\]", 1e-9),
        ("alpha", 5e-324, r"\[1e-09, 0.5\]", 1e-9),
        ("alpha", 0.51, r"\[1e-09, 0.5\]", 0.5),
        ("alpha", nan, r"\[1e-09, 0.5\]", None),
        ("alpha", -inf, r"\[1e-09, 0.5\]", 1e-9),
    ],
)
def test_a_value_out_of_range_is_named_with_its_range_and_the_nearest_within(
    field: str, value, limits: str, nearest: float | None
) -> None:
    values = {"sigma": 0.25, field: value}

    with pytest.raises(InvalidParams, match=limits) as caught:
        SmoothingParams(**values)

    assert (caught.value.field, caught.value.nearest) == (field, nearest)
    assert str(value) in str(caught.value)


@pytest.mark.parametrize("field", ["sigma", "n0", "n", "alpha", "mode", "numerics", "bound"])
@pytest.mark.parametrize("value", ["no", None, True, [1]])
def test_a_value_of_another_kind_is_refused(untyped, field: str, value) -> None:
    assert untyped({"sigma": 0.25, field: value}) == ["InvalidParams", field]


@pytest.mark.parametrize(
    ("field", "choices"),
    [
        ("mode", "fixed, adaptive, decide, anytime, predict"),
        ("numerics", "sound, fast"),
        ("bound", "top, runner-up"),
    ],
)
def test_an_unknown_choice_is_answered_with_the_known_ones(field: str, choices: str) -> None:
    params = SmoothingParams(sigma=0.5)
    # Past the annotations' run-time check, which only tests have.
    object.__setattr__(params, field, "no")

    with pytest.raises(InvalidParams, match=f"one of {choices}, got 'no'"):
        params.__post_init__()


def test_whole_numbers_and_fractions_are_one_request(untyped) -> None:
    assert untyped({"sigma": 1, "alpha": 0.5}) == untyped({"sigma": 1.0, "alpha": 0.5})


@pytest.mark.parametrize(("numerics", "fewest"), [("sound", 11), ("fast", 10)])
def test_draws_that_could_only_abstain_are_refused(numerics, fewest: int) -> None:
    """At this alpha ten draws suffice, by less than what sound noise costs."""
    alpha = 0.5**10 * 1.000001

    with pytest.raises(InvalidParams, match=f"n must be at least {fewest}.*an abstention"):
        SmoothingParams(sigma=0.5, n=fewest - 1, alpha=alpha, numerics=numerics)
    assert SmoothingParams(sigma=0.5, n=fewest, alpha=alpha, numerics=numerics).n == fewest


def test_phases_have_numbers_and_names() -> None:
    assert [(phase.index, phase.value) for phase in Phase] == [(0, "selection"), (1, "estimation")]


@given(counts)
def test_sparse_votes_come_back(counts: list[int]) -> None:
    votes = votes_of(counts)

    assert Votes.from_sparse(votes.sparse(), 3) == votes


def test_sparse_votes_may_come_in_any_order() -> None:
    assert Votes.from_sparse({"invalid": 2, "2": 5, "0": 1}, 3) == Votes(
        counts=(1, 0, 5), invalid=2
    )


def test_votes_under_two_spellings_of_a_class_are_added() -> None:
    assert Votes.from_sparse({"1": 5, "01": 2}, 3) == Votes(counts=(0, 7, 0))


def test_sparse_votes_hold_only_what_is_there() -> None:
    votes = Votes(counts=(0, 0, 0, 998), invalid=1)

    assert votes.sparse() == {"3": 998, "invalid": 1}
    assert Votes.none(4).sparse() == {}


@given(counts, counts)
def test_totals_add_up(some: list[int], others: list[int]) -> None:
    a, b = votes_of(some), votes_of(others)

    assert (a + b).total == sum(some) + sum(others)
    assert (a + b).total == a.total + b.total
    assert a + b == b + a
    assert a + Votes.none(3) == a


@pytest.mark.parametrize("key", ["3", "-1", "x", "", "1.0"])
def test_votes_for_no_class_are_refused(key: str) -> None:
    with pytest.raises(InvalidCounts, match=r"\[0, 2\]"):
        Votes.from_sparse({key: 1}, 3)


@pytest.mark.parametrize(("counts", "invalid"), [((1, -1), 0), ((1, 1), -1), ((), 0)])
def test_counts_below_zero_are_refused(counts, invalid: int) -> None:
    with pytest.raises(InvalidCounts):
        Votes(counts=counts, invalid=invalid)


def test_votes_for_other_classes_do_not_add() -> None:
    with pytest.raises(InvalidCounts, match="2 classes against 3"):
        Votes.none(2) + Votes.none(3)


def test_a_tie_goes_to_the_first_class() -> None:
    assert Votes(counts=(1, 4, 4)).leader == 1


def test_invalid_draws_lead_nothing() -> None:
    assert Votes(counts=(0, 0), invalid=7).leader is None
    assert Votes(counts=(3, 4)).of(None) == 0


@pytest.mark.parametrize(
    ("selection", "estimation", "reason", "words"),
    [
        ((6, 4), (520, 480), "too_few_draws", "class 0 won 520 of 1000"),
        ((6, 4), (10, 990), "unstable_selection", "favoured class 0, but class 1 won 990"),
        ((6, 4), (480, 520), "unstable_selection", "favoured class 0, but class 1 won 520"),
        ((5, 5, 4), (400, 350, 250), "no_majority", "No class has a majority"),
        ((5, 5, 4), (500, 500, 0), "no_majority", "class 0 won 500 of 1000"),
    ],
)
def test_an_abstention_says_why(selection, estimation, reason: str, words: str) -> None:
    result = certificate(Votes(counts=selection), Votes(counts=estimation))

    assert result.abstained
    assert result.radius == 0.0
    assert result.abstention_reason == reason
    assert words in result.abstention_explanation


def test_a_certificate_has_no_reason_to_abstain() -> None:
    result = certificate(Votes(counts=(9, 1)), Votes(counts=(900, 100)))

    assert not result.abstained
    assert result.predicted == result.selected == 0
    assert result.abstention_reason is None
    assert result.abstention_explanation is None


def test_draws_that_are_all_invalid_have_no_majority() -> None:
    result = certificate(Votes(counts=(9, 1)), Votes(counts=(0, 0), invalid=100))

    assert result.abstention_reason == "no_majority"
    assert "not finite" in result.abstention_explanation


def test_total_variation_is_paid_by_sound_numerics_only() -> None:
    assert TOTAL_VARIATION == {"sound": 1e-7, "fast": 0.0}

    votes = Votes(counts=(9, 1)), Votes(counts=(100_000, 0))
    sound, fast = (certificate(*votes, numerics=numerics) for numerics in ("sound", "fast"))

    assert sound.p_lower == fast.p_lower
    assert sound.radius == sound.radius_ceiling < fast.radius == fast.radius_ceiling


def test_the_least_alpha_for_which_the_arithmetic_is_good_enough_is_allowed() -> None:
    assert SmoothingParams(sigma=0.25, alpha=1e-9).alpha == 1e-9


def test_an_explanation_says_what_chose_the_class_and_what_was_to_be_exceeded() -> None:
    """The numbers are rounded away from what would be claimed too much."""
    close = certificate(votes_of([4, 6, 0, 0]), votes_of([520, 480, 0, 0]))
    few = certificate(votes_of([6, 4, 0, 0]), votes_of([520, 480, 0, 0]))
    sharp = certificate(votes_of([6, 4, 0, 0]), votes_of([480, 470, 50, 0]), bound="runner-up")

    assert close.abstention_explanation.endswith("too close to call with n0=10.")
    assert few.abstention_explanation.endswith("must exceed 1/2.")
    upper = sharp.p_runner_up_upper
    said = float(sharp.abstention_explanation.rstrip(".").rsplit(" ", 1)[1])
    assert "the runner-up's, which is only known to be at most" in sharp.abstention_explanation
    assert upper <= said < upper + 1e-4


@given(st.integers(501, 548))
def test_what_is_said_of_a_probability_is_its_bound_rounded_down(hits: int) -> None:
    few = certificate(votes_of([6, 4, 0, 0]), votes_of([hits, 1_000 - hits, 0, 0]))

    said = few.abstention_explanation.partition("only known to exceed ")[2].partition(" ")[0]

    assert float(said) <= few.p_lower < float(said) + 1.00001e-4


def test_only_a_fixed_certificate_speaks_of_its_n0() -> None:
    fixed = certificate(votes_of([4, 6, 0, 0]), votes_of([520, 480, 0, 0]))

    adaptive = replace(fixed, params=SmoothingParams(sigma=0.5, mode="adaptive"))

    assert adaptive.abstention_explanation.endswith("too close to call.")
