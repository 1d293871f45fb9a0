"""What each mode reads, what it refuses, and what decides the votes."""

from math import inf, nan

import pytest

from smoothing import InvalidParams, SmoothingParams

MODES = {
    "fixed": {"n0": 50},
    "adaptive": {"precision": 0.1, "bound": "runner-up"},
    "decide": {"radius": 0.25},
    "anytime": {},
    "predict": {},
}


def params(**values) -> SmoothingParams:
    return SmoothingParams(**({"sigma": 0.5, "n": 10_000} | values))


def refusal(**values) -> InvalidParams:
    with pytest.raises(InvalidParams) as caught:
        params(**values)
    return caught.value


def test_the_ends_of_the_ranges_are_within_them() -> None:
    assert params(sigma=10.0, n0=1, n=1_000_000, alpha=0.5).n0 == 1
    assert params(n0=1_000_000, alpha=1e-9).n0 == 1_000_000


def test_an_adaptive_plan_may_lose_a_twentieth_if_nothing_is_said() -> None:
    assert params(mode="adaptive").precision == 0.05
    assert params(mode="fixed").precision is None


@pytest.mark.parametrize("precision", [0.0, 1.0, -0.1, 1.5, nan, inf])
def test_a_precision_that_means_nothing_is_refused(precision: float) -> None:
    error = refusal(mode="adaptive", precision=precision)

    assert error.field == "precision"
    assert f"(0, 1), such as 0.05, got {precision}" in str(error)
    assert error.nearest == 0.05


@pytest.mark.parametrize(
    ("radius", "nearest"), [(0.0, 1e-6), (-1.0, 1e-6), (-inf, 1e-6), (nan, None)]
)
def test_a_decision_needs_a_radius_above_zero(radius: float, nearest: float | None) -> None:
    error = refusal(mode="decide", radius=radius)

    assert (error.field, error.nearest) == ("radius", nearest)
    assert str(error) == f"radius must be above 0 in mode decide, got {radius}"


def test_a_decision_needs_a_radius() -> None:
    error = refusal(mode="decide")

    assert (error.field, error.nearest) == ("radius", None)
    assert str(error) == "radius is required in mode decide"


def test_the_least_radius_that_may_be_asked_about_is_one() -> None:
    assert params(mode="decide", radius=1e-6).radius == 1e-6


@pytest.mark.parametrize(
    ("asked", "kept"), [(0.25, 0.25), (1 / 3, 0.333334), (1e-9, 1e-6), (1.0000000001, 1.000001)]
)
def test_a_radius_is_rounded_up_so_that_a_yes_is_to_what_was_asked(asked, kept: float) -> None:
    assert params(mode="decide", radius=asked).radius == kept >= asked


def test_a_radius_above_the_ceiling_is_answered_with_what_would_do() -> None:
    error = refusal(mode="decide", radius=1.5, n=1_000)

    assert error.field == "radius"
    assert error.nearest == params(mode="decide", radius=0.1, n=1_000).radius_ceiling
    assert "at most 1.202322 with sigma=0.5, n=1000, alpha=0.001, got 1.5" in str(error)
    assert "n=6018 or alpha=0.4 would do" in str(error)
    assert params(mode="decide", radius=1.5, n=6_018).radius == 1.5
    assert params(mode="decide", radius=1.5, n=1_000, alpha=0.4).radius == 1.5
    assert refusal(mode="decide", radius=1.5, n=6_017).field == "radius"
    assert refusal(mode="decide", radius=1.5, n=1_000, alpha=0.39).field == "radius"


def test_a_radius_may_be_as_large_as_the_ceiling() -> None:
    ceiling = params(mode="decide", radius=0.1).radius_ceiling

    assert params(mode="decide", radius=ceiling).radius == ceiling
    assert refusal(mode="decide", radius=ceiling + 1e-6).nearest == ceiling


@pytest.mark.parametrize("radius", [100.0, 1e9, 1e300, inf])
def test_a_radius_out_of_all_reach_is_refused_with_the_ceiling_alone(radius: float) -> None:
    error = refusal(mode="decide", radius=radius)

    assert "no n or alpha would do" in str(error)
    assert error.nearest == params(mode="decide", radius=0.1).radius_ceiling


def test_no_radius_is_nearest_where_none_would_do() -> None:
    assert refusal(mode="decide", radius=0.1, sigma=1e-9).nearest is None


def test_the_help_counts_the_family() -> None:
    error = refusal(mode="decide", radius=1.5, n=1_000, family_size=10)

    assert "n=7819 would do" in str(error)
    assert params(mode="decide", radius=1.5, n=7_819, family_size=10).n == 7_819


@pytest.mark.parametrize(
    ("mode", "name", "value", "readers"),
    [
        ("fixed", "radius", 0.5, "decide"),
        ("fixed", "precision", 0.05, "adaptive"),
        ("adaptive", "radius", 0.5, "decide"),
        ("adaptive", "n0", 200, "fixed"),
        ("decide", "precision", 0.05, "adaptive"),
        ("decide", "bound", "runner-up", "fixed or adaptive"),
        ("anytime", "bound", "runner-up", "fixed or adaptive"),
        ("anytime", "radius", 0.5, "decide"),
        ("predict", "n0", 200, "fixed"),
    ],
)
def test_what_a_mode_does_not_read_is_refused(mode, name: str, value, readers: str) -> None:
    error = refusal(mode=mode, **{name: value})

    assert error.field == name
    assert f"{name} is for mode {readers}; leave it out in mode {mode}" in str(error)


@pytest.mark.parametrize(
    ("mode", "fewest"), [("fixed", 10), ("adaptive", 128), ("anytime", 17), ("predict", 11)]
)
def test_each_mode_needs_some_draws(mode, fewest: int) -> None:
    error = refusal(mode=mode, n=fewest - 1)

    assert (error.field, error.nearest) == ("n", fewest)
    assert params(mode=mode, n=fewest).n == fewest


def test_the_draws_that_a_decision_needs_can_show_the_radius_that_is_asked_about() -> None:
    error = refusal(mode="decide", radius=0.3, n=5)

    assert (error.field, error.nearest) == ("n", 26)
    assert "at least 26 at alpha=0.001, radius=0.3, got 5" in str(error)
    assert params(mode="decide", radius=0.3, n=26).n == 26
    assert refusal(mode="decide", radius=0.3, n=25).field == "radius"


def test_a_refusal_names_the_family_that_shares_alpha() -> None:
    assert "at alpha=0.001, family_size=100, got 12" in str(refusal(n=12, family_size=100))
    assert "family" not in str(refusal(n=9))
    told = str(refusal(mode="decide", radius=1.5, n=1_000, family_size=10))
    assert "alpha=0.001, family_size=10, got 1.5" in told


def test_the_pilot_is_why_a_plan_needs_more_draws() -> None:
    assert "128 in mode adaptive, got 127: the pilot" in str(refusal(mode="adaptive", n=127))
    assert "with fewer draws every answer is an abstention" in str(refusal(mode="adaptive", n=9))


def test_a_family_shares_alpha() -> None:
    of_ten = params(family_size=10)

    assert of_ten.alpha_each == 0.0001
    assert of_ten.radius_ceiling == params(alpha=0.0001).radius_ceiling < params().radius_ceiling


@pytest.mark.parametrize("family_size", [0, -1])
def test_a_family_has_a_member(family_size: int) -> None:
    error = refusal(family_size=family_size)

    assert (error.field, error.nearest) == ("family_size", 1)
    assert f"got {family_size}" in str(error)


def test_a_family_too_large_for_the_arithmetic_is_refused() -> None:
    error = refusal(family_size=1_000_001)

    assert (error.field, error.nearest) == ("family_size", 1_000_000)
    assert params(family_size=1_000_000).alpha_each == pytest.approx(1e-9)


@pytest.mark.parametrize("name", ["precision", "radius", "family_size"])
@pytest.mark.parametrize("value", ["no", True, [1]])
def test_a_value_of_another_kind_is_refused(untyped, name: str, value) -> None:
    mode = {"precision": "adaptive", "radius": "decide", "family_size": "fixed"}[name]

    assert untyped({"sigma": 0.25, "mode": mode, name: value}) == ["InvalidParams", name]


@pytest.mark.parametrize("name", ["sigma", "alpha", "n", "radius"])
def test_a_number_beyond_all_floats_is_refused(untyped, name: str) -> None:
    values = {"sigma": 0.25, "mode": "decide", "radius": 0.1, name: 10**400}

    assert untyped(values) == ["InvalidParams", name]


def test_the_method_says_which_bound_is_used() -> None:
    assert params().method == "clopper_pearson"
    assert params(bound="runner-up").method == "clopper_pearson_runner_up"
    assert params(mode="adaptive").method == "clopper_pearson"
    assert params(mode="decide", radius=0.1).method == "truncated_mixture"
    assert params(mode="anytime").method == "truncated_mixture"
    assert params(mode="predict").method == "binomial_test"


@pytest.mark.parametrize(("mode", "options"), MODES.items())
def test_what_is_stated_is_enough_to_make_the_same_again(mode, options) -> None:
    alone = params(mode=mode, **options)
    of_a_family = params(mode=mode, family_size=2, **options)

    assert SmoothingParams(**alone.stated()) == alone
    assert SmoothingParams(**of_a_family.stated()) == of_a_family
    assert "family_size" not in alone.stated()


def test_a_fixed_certificate_states_and_draws_what_it_always_did() -> None:
    common = {"sigma": 0.5, "mode": "fixed", "n0": 100, "n": 10_000, "numerics": "sound"}

    assert params().stated() == {**common, "alpha": 0.001, "bound": "top"}
    assert params().dice() == {**common, "bound": "top"}
    assert params(bound="runner-up", alpha=0.01, family_size=2).dice() == params().dice()


@pytest.mark.parametrize(
    ("mode", "options", "named"),
    [
        ("adaptive", {}, "adaptive"),
        ("predict", {}, "predict"),
        ("anytime", {}, "sequential"),
        ("decide", {"radius": 0.1}, "sequential"),
    ],
)
def test_noise_is_drawn_under_names_that_no_release_changes(mode, options, named: str) -> None:
    dice = params(mode=mode, **options).dice()

    assert dice == {"sigma": 0.5, "numerics": "sound", "mode": named}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"mode": "decide", "radius": 0.1}, {"mode": "decide", "radius": 0.2, "n": 500}),
        ({"mode": "decide", "radius": 0.1}, {"mode": "anytime", "alpha": 0.01}),
        ({"mode": "adaptive"}, {"mode": "adaptive", "precision": 0.2, "n": 500}),
        ({"mode": "adaptive"}, {"mode": "adaptive", "bound": "runner-up", "family_size": 7}),
        ({"mode": "predict"}, {"mode": "predict", "n": 500}),
    ],
)
def test_the_same_question_meets_the_same_dice(one, other) -> None:
    assert params(**one).dice() == params(**other).dice()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"n": 500}),
        ({}, {"n0": 99}),
        ({}, {"mode": "adaptive"}),
        ({"mode": "adaptive"}, {"mode": "anytime"}),
        ({"mode": "predict"}, {"mode": "anytime"}),
        ({"mode": "anytime"}, {"mode": "anytime", "sigma": 0.25}),
        ({"mode": "anytime"}, {"mode": "anytime", "numerics": "fast"}),
    ],
)
def test_other_questions_meet_other_dice(one, other) -> None:
    assert params(**one).dice() != params(**other).dice()
