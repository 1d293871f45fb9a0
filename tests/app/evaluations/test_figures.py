"""Figures of a set, against formulas computed elsewhere."""

import random
import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from statsmodels.stats.proportion import proportion_confint

from app.evaluations.figures import Answer, figures_of, statement
from app.evaluations.plot import LEFT, TOP, WIDTH, described_by, plot
from app.evaluations.schemas import FiguresBody
from app.evaluations.table import table
from jobs.caller import LOCAL
from jobs.evaluation_record import Evaluation, EvaluationSpec, EvaluationState, Item, Result
from jobs.record import ModelRef
from smoothing.accuracy import radii_of
from smoothing.params import SmoothingParams
from training.evaluation.summary import summarise
from training.evaluation.table import HEADER, Row, parse_row

PARAMS = SmoothingParams(sigma=0.5, n=1000)
SVG = "{http://www.w3.org/2000/svg}"


def answer(index: int, label: int, predicted: int | None, radius: float) -> Answer:
    result = Result(
        state="succeeded",
        predicted=predicted,
        certified=True,
        radius=radius,
        draws=1100,
        seconds=3_725.25,
    )
    return Answer(index=index, label=label, result=result)


def answers(count: int, seed: int = 0) -> list[Answer]:
    """Right, wrong and abstained, at radii that meet the grid now and then."""
    choose = random.Random(seed)  # noqa: S311 - no secret
    made = []
    for index in range(count):
        predicted = choose.choice([0, 0, 0, 1, None])
        radius = 0.0 if predicted is None else choose.choice([0.25, 0.5, choose.random()])
        made.append(answer(index, 0, predicted, round(radius, 6)))
    return made


@pytest.mark.parametrize("count", [1, 2, 37, 500])
def test_the_curve_has_exact_binomial_intervals(count: int) -> None:
    made = answers(count, seed=count)

    figures = figures_of(made, PARAMS)

    assert figures is not None
    for point in figures.curve:
        hits = sum(
            each.result.predicted == 0 and each.result.radius >= point.radius for each in made
        )
        low, high = proportion_confint(hits, count, alpha=0.05, method="beta")
        assert point.accuracy == hits / count
        assert (point.low, point.high) == pytest.approx((low, high), abs=1e-9)


def test_the_figures_are_those_of_an_evaluation_offline() -> None:
    made = answers(200)
    rows = [parse_row(line) for line in table(made).splitlines()[1:]]

    figures = figures_of(made, PARAMS)
    offline = summarise(rows, radii_of(PARAMS))

    assert figures is not None
    assert figures.curve == offline.curve
    assert figures.num_abstained / 200 == offline.abstention_rate
    assert figures.average_certified_radius == pytest.approx(offline.average_certified_radius)
    assert figures.num_wrong == sum(row.predict == 1 for row in rows)
    assert figures.mean_draws == 1100


def test_the_table_is_read_by_the_tools_of_the_literature() -> None:
    lines = table([answer(4, 3, None, 0.0), answer(7, 3, 3, 0.123456)]).splitlines()

    assert lines[0] == HEADER
    assert parse_row(lines[1]) == Row(
        idx=4, label=3, predict=-1, radius=0.0, correct=False, time_s=3_725.25
    )
    assert lines[2] == "7\t3\t3\t0.123456\t1\t1:02:05.250000"


def test_no_image_has_no_figures() -> None:
    assert figures_of([], PARAMS) is None


@pytest.mark.parametrize(
    ("changes", "radii"),
    [
        ({}, (0.0, 0.25, 0.5, 0.75, 1.0)),
        ({"mode": "decide", "n": 5000, "radius": 0.4}, (0.4,)),
        ({"mode": "predict"}, (0.0,)),
    ],
)
def test_radii_say_something_in_each_mode(changes: Any, radii: tuple[float, ...]) -> None:
    assert radii_of(SmoothingParams(**{"sigma": 0.5, "n": 1000} | changes)) == radii


def evaluation(num_items: int, **params: Any) -> Evaluation:
    model = ModelRef(
        id="tiny",
        weights_sha256="ab" * 32,
        precision="float32",
        num_classes=2,
        labels=("cat", "dog"),
        function_sha256="cd" * 32,
    )
    spec = EvaluationSpec(
        id="019a9f0e-8c3a-7d11-9b5e-3f1c2a4d5e6f",
        name="",
        caller=LOCAL,
        model=model,
        params=SmoothingParams(**{"sigma": 0.5, "n": 1000} | params),
        draws_each=1100,
        created_at=0.0,
        deadline_at=1.0,
    )
    return Evaluation(
        spec=spec,
        state=EvaluationState.SUCCEEDED,
        version=1,
        finished_at=1.0,
        num_items=num_items,
        num_ended=num_items,
        num_pending=0,
        draws_ended=0,
        children=(),
        items=(Item(name="", label=0),) * num_items,
        results={},
    )


def test_the_statement_says_where_the_images_with_a_result_are_no_random_sample() -> None:
    said = statement(evaluation(20))

    assert "While the evaluation runs, and where it was cancelled or ran out of time" in said


def test_the_statement_says_whether_all_certificates_hold_together() -> None:
    each = statement(evaluation(20))
    together = statement(evaluation(20, family_size=20))
    one = statement(evaluation(1))

    assert "except with probability 0.001 over" in each
    assert "not claimed (family_size=20 would)" in each
    assert "except with probability 5e-05 over" in together
    assert "all of them hold together except with probability 0.001" in together
    assert "all of them hold together except with probability 0.001" in one


def test_what_is_said_of_heuristic_certificates_calls_them_that() -> None:
    params = SmoothingParams(sigma=0.5, n=1000, numerics="fast")
    figures = figures_of(answers(20), params)

    picture = plot(figures, params, name="", model="tiny", provisional=False)

    assert picture.count("(heuristic: fast numerics)") == 2
    assert "rounding errors of the noise are not accounted for" in statement(
        evaluation(20, numerics="fast")
    )
    assert "heuristic" not in statement(evaluation(20))


def test_the_words_above_a_plot_end_before_its_edge() -> None:
    params = SmoothingParams(sigma=0.25, n=1000, numerics="fast")
    figures = figures_of(answers(500), params)
    model = "vit_tiny_patch4_32.dmae_cifar10_s025"

    picture = plot(figures, params, name="n" * 100, model=model, provisional=True)

    texts = ET.fromstring(picture).findall(f"{SVG}text")  # noqa: S314 - our own
    above = [each for each in texts if float(each.get("y", TOP)) < TOP]
    widths = [0.51 * float(each.attrib["font-size"]) * len(each.text or "") for each in above]
    assert max(widths) < WIDTH - LEFT
    assert "500 images so far, with exact 95 % intervals" in [each.text for each in above]


@pytest.mark.parametrize("count", [0, 1, 300])
def test_the_plot_is_a_picture_that_says_what_it_shows(count: int) -> None:
    figures = figures_of(answers(count), PARAMS)

    picture = plot(figures, PARAMS, name="a <b> & c", model="tiny", provisional=True)

    root = ET.fromstring(picture)  # noqa: S314 - our own
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-labelledby"] == "title desc"
    assert root.findtext(f"{SVG}title") == "a <b> & c"
    said = root.findtext(f"{SVG}desc") or ""
    assert all(
        f"{100 * point.accuracy:.1f} %" in said for point in (figures.curve if figures else ())
    )
    assert "style" not in picture
    assert len(root.findall(f"{SVG}path")) == (2 if count else 0)


def test_the_words_of_a_plot_claim_no_more_than_its_figures() -> None:
    params = SmoothingParams(sigma=1.0, mode="decide", n=100_000, radius=1.234564)
    figures = figures_of([answer(index, 0, 0, 1.234564) for index in range(7)], params)
    assert figures is not None

    said = described_by(figures, params, "tiny", provisional=False)

    (point,) = figures.curve
    (low, high) = re.findall(r"at radius 1\.234564 \(95 % interval (\S+) to (\S+) %\)", said)[0]
    assert float(low) <= 100 * point.low < float(low) + 0.1
    assert float(high) - 0.1 < 100 * point.high <= float(high)
    assert said.endswith("No radius above 1.234564 can come out.")


def test_no_decision_comes_out_beyond_the_radius_that_was_asked_about() -> None:
    params = SmoothingParams(sigma=0.5, mode="decide", n=5000, radius=0.4)
    figures = figures_of([answer(0, 0, 0, 0.4), answer(1, 0, None, 0.0)], params)
    assert figures is not None

    picture = plot(figures, params, name="", model="tiny", provisional=False)
    body = FiguresBody.of(figures, params, left_out=0, provisional=False)

    assert ">ceiling 0.4<" in picture
    assert body.radius_ceiling == 0.4


def test_the_plotted_line_goes_down_to_zero_at_the_largest_radius() -> None:
    figures = figures_of([answer(0, 0, 0, 0.25), answer(1, 0, 0, 0.5)], PARAMS)

    picture = plot(figures, PARAMS, name="", model="tiny", provisional=False)

    root = ET.fromstring(picture)  # noqa: S314 - our own

    path = root.findall(f"{SVG}path")[1].attrib["d"]
    assert path.startswith("M76.00 56.00V56.00H76.00V56.00H")
    assert path.endswith("V376.00H696.00")
    assert path.count("V216.00") == 1
