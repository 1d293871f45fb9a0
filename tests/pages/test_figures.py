"""What the figures of a result show follows from its votes, by the bounds themselves."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import beta, norm

from app.fleet import crew_of
from app.pages.accuracy_figure import accuracy_figure
from app.pages.axes import Axis, round_steps
from app.pages.draws_figure import draws_figure, scaled
from app.pages.form import _model
from app.pages.modes import QUESTIONS, unread_by
from app.pages.pictures import perturbed, spot, strongest_change
from app.pages.votes_figure import votes_figure
from app.pages.words import chance, duration, floored
from model_store.registry import Registry
from smoothing.certificate import Certificate
from smoothing.errors import InvalidParams
from smoothing.params import SmoothingParams
from smoothing.procedures import replay
from smoothing.votes import Phase, Votes

LABELS = ("cat", "dog", "frog")


def fixed(*counts: int, selection: tuple[int, ...] = (100, 0, 0), **asked: Any) -> Certificate:
    params = SmoothingParams(sigma=0.25, n=sum(counts), **asked)
    tally = {Phase.SELECTION: Votes(counts=selection), Phase.ESTIMATION: Votes(counts=counts)}
    return replay(params, 3, tally)


def test_each_bar_has_its_clopper_pearson_interval() -> None:
    figure = votes_figure(fixed(900, 90, 10), LABELS)

    assert figure is not None
    for bar, k in zip(figure.bars, (900, 90, 10), strict=True):
        low, high = beta.ppf([0.0005, 0.9995], [k, k + 1], [1000 - k + 1, 1000 - k])
        assert bar.low <= 100 * low < bar.low + 0.01
        assert bar.high - 0.01 < 100 * high <= bar.high
    assert [bar.selected for bar in figure.bars] == [True, False, False]
    assert figure.table.rows[0][:3] == ("cat", "900", "90.00 %")


def test_the_ends_of_an_interval_are_not_rounded_inwards() -> None:
    figure = votes_figure(fixed(1_000_000, 0, 0), LABELS)

    assert figure is not None
    assert figure.table.rows[0][3] == "99.99 % to 100.00 %"


def test_the_form_offers_a_noise_level_of_many_digits_as_it_is() -> None:
    card = Registry().default()
    card = replace(card, sigmas=(30 / 255,))

    offered = _model(card, crew_of(card, ()))

    assert [float(sigma) for sigma in offered.sigmas] == [30 / 255]


def test_draws_without_a_finite_answer_are_shown_too() -> None:
    params = SmoothingParams(sigma=0.25, n=1000)
    tally = {
        Phase.SELECTION: Votes(counts=(100, 0, 0)),
        Phase.ESTIMATION: Votes(counts=(990, 0, 0), invalid=10),
    }

    figure = votes_figure(replay(params, 3, tally), LABELS)

    assert figure is not None
    assert [bar.label for bar in figure.bars] == ["cat", "no finite answer"]


def test_more_draws_are_reckoned_at_the_same_rates() -> None:
    plot = draws_figure(fixed(900, 100, 0), draws_per_s=100)

    assert plot is not None
    rows = {row[0]: row[1:] for row in plot.table.rows}
    p_lower = beta.ppf(0.001, 90_000, 10_001)
    radius = 0.25 * norm.ppf(p_lower - 1e-7)
    assert float(rows["100,000"][0]) == pytest.approx(radius, abs=1e-4)
    assert rows["100,000"][1] == "17 min"
    assert plot.mark is not None
    assert plot.mark.label == f"now {floored(fixed(900, 100, 0).radius, 3)}"


def test_the_axis_begins_where_few_draws_are_too() -> None:
    params = SmoothingParams(sigma=0.25, n=30)
    tally = {
        Phase.SELECTION: Votes(counts=(100, 0, 0)),
        Phase.ESTIMATION: Votes(counts=(30, 0, 0)),
    }

    few = draws_figure(replay(params, 3, tally), draws_per_s=100)
    many = draws_figure(fixed(900, 100, 0), draws_per_s=100)

    assert few is not None
    assert many is not None
    assert [tick.label for tick in few.x_ticks] == ["10", "100", "1 k", "10 k", "100 k", "1 M"]
    assert next(tick.label for tick in many.x_ticks) == "100"
    assert few.mark is not None
    assert 0 < few.mark.x < 20


def test_an_abstention_may_learn_that_no_draws_would_help() -> None:
    plot = draws_figure(fixed(480, 520, 0), draws_per_s=100)

    assert plot is not None
    assert plot.reading.endswith("no number up to 1,000,000 would show a radius.")


def test_a_question_learns_how_many_draws_would_show_its_radius() -> None:
    params = SmoothingParams(sigma=0.25, n=64, mode="decide", radius=0.2)
    tally = {Phase.ESTIMATION: Votes(counts=(58, 6, 0))}

    plot = draws_figure(replay(params, 3, tally), draws_per_s=100)

    assert plot is not None
    assert plot.rule is not None
    assert plot.rule.crossed
    found = re.search(r"about ([\d,]+) would show the radius 0\.2", plot.reading)
    assert found is not None
    assert 100 < int(found[1].replace(",", "")) < 10_000


def test_a_pilot_that_gave_up_is_no_measurement() -> None:
    params = SmoothingParams(sigma=0.25, n=1000, mode="adaptive")
    certificate = replay(params, 3, {Phase.SELECTION: Votes(counts=(50, 40, 38))})

    plot, votes = draws_figure(certificate, draws_per_s=100), votes_figure(certificate, LABELS)

    assert plot is not None
    assert votes is not None
    assert (plot.mark, votes.pilot) == (None, True)


def test_a_prediction_has_no_radius_to_buy() -> None:
    params = SmoothingParams(sigma=0.25, n=1000, mode="predict")

    certificate = replay(params, 3, {Phase.ESTIMATION: Votes(counts=(900, 100, 0))})

    assert draws_figure(certificate, draws_per_s=100) is None


@pytest.mark.parametrize("total", [7, 100, 12_345, 1_000_000])
def test_scaled_votes_keep_their_number_and_proportions(total: int) -> None:
    votes = scaled(Votes(counts=(701, 200, 99), invalid=3), total)

    assert votes.total == total
    shares = np.array([*votes.counts, votes.invalid]) / total
    assert shares == pytest.approx(np.array([701, 200, 99, 3]) / 1003, abs=1 / total)


def test_a_radius_is_placed_on_the_bundled_model_s_curve() -> None:
    card = Registry().default()
    points = card.evaluations[0].certified_accuracy

    plot = accuracy_figure(card, sigma=card.sigmas[0], radius=0.3)

    assert plot is not None
    assert len(plot.dots) == len(points)
    assert plot.reading.startswith("Between ")
    assert accuracy_figure(card, sigma=9.0, radius=0.3) is None


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (0.26, "Between 0 % and 26 % of test images are "),
        (0.0, "No image of the test was certified as far as this one. "),
    ],
)
def test_of_a_radius_between_the_curve_s_end_and_the_ceiling_no_more_is_said_than_was_measured(
    last: float, said: str
) -> None:
    card = Registry().default()
    curve = ((0.0, 0.7), (0.75, last))
    measured = replace(card.evaluations[0], certified_accuracy=curve, radius_ceiling=0.8)

    plot = accuracy_figure(
        replace(card, evaluations=(measured,)), sigma=measured.sigma, radius=0.78
    )

    assert plot is not None
    assert plot.reading.startswith(said)


def test_of_a_radius_beyond_the_ceiling_nothing_is_said_of_this_image_s_draws() -> None:
    """As many show more where an error may be likelier."""
    card = Registry().default()
    measured = card.evaluations[0]

    plot = accuracy_figure(
        replace(card, evaluations=(measured,)),
        sigma=measured.sigma,
        radius=measured.radius_ceiling + 0.1,
    )

    assert plot is not None
    assert "it says nothing of one as far as this" in plot.reading


def test_the_curve_is_that_of_the_most_draws() -> None:
    card = Registry().default()
    few = card.evaluations[0]
    many = replace(few, n=10 * few.n)

    plot = accuracy_figure(replace(card, evaluations=(few, many)), sigma=few.sigma, radius=None)

    assert plot is not None
    assert f"{many.n:,} draws" in plot.reading


@pytest.mark.parametrize(("shape", "radius"), [((3, 32, 32), 0.4), ((3, 224, 224), 3.0)])
def test_the_changed_picture_is_exactly_the_radius_away(
    shape: tuple[int, int, int], radius: float
) -> None:
    image = np.full(shape, 0.3)

    changed = perturbed(image, radius=radius)

    assert np.linalg.norm(changed - image) == pytest.approx(radius, rel=1e-12)
    assert changed.max() - 0.3 == pytest.approx(strongest_change(shape, radius=radius))
    assert np.linalg.norm(spot(shape, norm=radius)) == pytest.approx(radius, rel=1e-12)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.mode)
def test_what_a_mode_does_not_read_is_what_it_refuses(question: Any) -> None:
    values = {"n0": 77, "bound": "runner-up", "precision": 0.2, "radius": 0.1}
    needed = {"radius": 0.1} if question.mode == "decide" else {}

    refused = set()
    for name, value in values.items():
        try:
            SmoothingParams(sigma=0.25, mode=question.mode, **{**needed, name: value})
        except InvalidParams as error:
            refused.add(error.field)

    assert refused == unread_by(question.mode)


def test_a_bound_is_never_rounded_up() -> None:
    assert [floored(each) for each in (0.123499, 0.99999, 0.5)] == ["0.1234", "0.9999", "0.5000"]
    assert [floored(each) for each in (0.73249999996, 0.2932)] == ["0.7324", "0.2932"]


def test_the_probability_of_being_wrong_is_never_rounded_down() -> None:
    shown = [chance(each) for each in (0.001, 0.05, 0.5, 0.001 / 3, 0.001 / 64, 1e-9)]

    assert shown == ["0.1 %", "5 %", "50 %", "0.0333334 %", "0.0015625 %", "0.0000001 %"]


def test_a_bound_above_zero_is_never_shown_as_zero() -> None:
    shown = [floored(each, 3) for each in (0.000876, 0.0, 1e-12)]

    assert shown == ["0.0008", "0.000", "0.000000000"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "under a second"),
        (2.5, "3 s"),
        (125, "2 min 5 s"),
        (1300, "22 min"),
        (7300, "2 h 2 min"),
    ],
)
def test_a_time_is_said_in_one_or_two_units(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_an_axis_ends_at_round_numbers() -> None:
    assert round_steps(0.43) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert Axis(low=100, high=1_000_000, logarithmic=True).across(10_000) == 50.0
    assert Axis(low=0, high=2).down(0.5) == 75.0
