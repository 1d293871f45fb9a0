"""Every part of the benchmark runs, and says what it did."""

from dataclasses import replace

import pytest

from bench import attack, cost, draws, procedures, scale, service
from bench.cost import memory_targets
from bench.part import Part
from bench.subject import accuracy_gap
from model_store.registry import Registry


def test_the_parts_together_take_about_fifteen_minutes():
    parts = [draws.PART, procedures.PART, service.PART, cost.PART]

    assert sum(part.seconds for part in parts) <= 15 * 60


def test_an_option_that_is_given_holds_in_a_quick_run_too():
    options = draws.PART.options(["--quick", "--n", "77"])

    assert (options.n, options.rounds) == (77, 1)


@pytest.mark.parametrize(
    ("part", "option"),
    [
        (attack.PART, "--seconds"),
        (attack.PART, "--rounds"),
        (procedures.PART, "--rounds"),
        (scale.PART, "--seconds"),
        (scale.PART, "--data"),
    ],
)
def test_an_option_that_a_part_would_not_look_at_is_refused(part: Part, option: str):
    with pytest.raises(SystemExit):
        part.options([option, "7"])


def test_memory_that_grows_with_n_misses_its_target():
    [target] = memory_targets({100: {"ours": 200.0, "ART": 300.0}, 1000: {"ours": 250.0}})

    assert target.met is False
    assert target.measured == "1.25; ART's 1.00 at 100"


def test_a_model_certifies_as_well_as_itself_and_unknown_to_one_without_figures():
    card = Registry().default()
    weights = replace(card.weights, precision="int8", stored_as="int8")
    [evaluation] = card.evaluations[:1]
    curve = tuple((radius, max(share - 0.02, 0)) for radius, share in evaluation.certified_accuracy)
    lower = replace(evaluation, certified_accuracy=curve)
    worse = replace(card, weights=weights, evaluations=(lower,))

    assert accuracy_gap(card, card) == 0
    assert accuracy_gap(card, worse) == pytest.approx(0.02)
    assert accuracy_gap(card, replace(card, weights=weights, evaluations=())) is None


@pytest.mark.slow
@pytest.mark.parametrize("part", [draws.PART, procedures.PART, cost.PART], ids=lambda p: p.name)
def test_a_quick_run_measures_something_of_everything(part: Part):
    section = part.section(["--quick"])

    assert section.command == f"python -m bench.{part.name} --quick"
    assert all(target.met is not None for target in section.targets)
    assert "nan" not in section.text


@pytest.mark.slow
@pytest.mark.redis
def test_a_quick_run_of_the_service_measures_something_of_everything():
    section = service.PART.section(["--quick"])

    assert [target.met is not None for target in section.targets] == [True] * 3
    assert "service, 1 worker" in section.text
