"""Evaluation of the smoke model on its own images: format, figures, record."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from model_store.card import dump_card, load_card
from smoothing import InvalidParams, SmoothingParams
from smoothing.accuracy import radii_of
from tests.training.conftest import EVALUATED, without_times
from training.config import EvaluateConfig
from training.errors import BadCheckpoint, BadConfig, BadData
from training.evaluate import describe, evaluate
from training.evaluation.card import portable_command, write_card
from training.evaluation.counts import certified_again, parse_counts
from training.evaluation.journal import counts_path
from training.evaluation.subject import open_subject, params_of
from training.evaluation.summary import summarise
from training.evaluation.table import HEADER, Row, parse_row

ROWS = [Row(idx=0, label=0, predict=0, radius=0.1, correct=True, time_s=1.0)]
FIGURES = replace(summarise(ROWS, [0.0]), radius_ceiling=0.5)


def test_the_table_has_a_row_for_each_chosen_image(evaluation: EvaluateConfig):
    summary = evaluate(evaluation)

    assert evaluation.table is not None
    header, *lines = evaluation.table.read_text().splitlines()
    rows = [parse_row(line) for line in lines]
    assert header == HEADER
    assert [row.idx for row in rows] == [0, 5, 10, 15, 20]
    assert [row.label for row in rows] == [0, 0, 1, 1, 2]
    assert all(row.radius == 0 or row.predict >= 0 for row in rows)
    assert summary.num_images == 5


def test_a_store_without_the_model_is_named_with_the_option_for_another(tmp_path: Path):
    config = EvaluateConfig(model="tiny.test", store=tmp_path)

    with pytest.raises(BadConfig, match=f"That is {re.escape(str(tmp_path))}; --store names"):
        evaluate(config)


def test_the_counts_beside_the_table_give_its_radii(evaluation: EvaluateConfig):
    evaluate(evaluation)

    assert evaluation.table is not None
    rows = [parse_row(line) for line in evaluation.table.read_text().splitlines()[1:]]
    counts = [parse_counts(line) for line in counts_path(evaluation.table).read_text().splitlines()]
    again = [certified_again(each, params_of(evaluation)) for each in counts]
    assert [row.idx for row in rows] == [each.idx for each in counts]
    assert [row.radius for row in rows] == [certificate.radius for certificate in again]
    assert {(each.selection.total, each.estimation.total) for each in counts} == {(10, 20)}


def test_batches_and_threads_change_no_row(evaluation: EvaluateConfig, tmp_path: Path):
    evaluate(evaluation)
    other = replace(evaluation, table=tmp_path / "other.tsv", batch_size=7, threads=1)

    evaluate(other)

    assert without_times(other.table) == without_times(evaluation.table)


@pytest.mark.slow
def test_several_workers_write_the_same_rows(evaluation: EvaluateConfig, tmp_path: Path):
    evaluate(evaluation)
    other = replace(evaluation, table=tmp_path / "other.tsv", workers=2)

    evaluate(other)

    assert without_times(other.table) == without_times(evaluation.table)


def test_noise_that_the_model_was_not_trained_under_is_warned_of(
    evaluation: EvaluateConfig, caplog: pytest.LogCaptureFixture, tmp_path: Path
):
    evaluate(replace(evaluation, max_images=1))
    assert "was trained under" not in caplog.text

    evaluate(replace(evaluation, sigma=0.5, table=tmp_path / "other.tsv", max_images=1))

    assert "trained under noise of sigma 0.25, and is measured at 0.5" in caplog.text


def test_the_figures_go_into_the_card_once(evaluation: EvaluateConfig):
    evaluate(replace(evaluation, write_card=True))
    summary = evaluate(replace(evaluation, write_card=True))

    assert evaluation.store is not None
    written = load_card(evaluation.store / EVALUATED / "card.json").evaluations
    (entry,) = [each for each in written if each.num_images == 5]
    assert (entry.sigma, entry.n0, entry.n, entry.num_images) == (0.25, 10, 20, 5)
    assert entry.certified_accuracy[0] == (0.0, summary.curve[0].accuracy)
    assert entry.images == "train: ImageFolder index 0, 5, 10, ..., 20"
    assert re.search(r", torch \S+; openvino \S+, float32, .*10 rows, \d+ threads$", entry.hardware)
    assert entry.command == (
        f"python -m training evaluate --model {EVALUATED} --data data/train --stride 5 "
        "--sigma 0.25 --n0 10 --n 20 --alpha 0.001 --numerics sound"
    )


def test_the_folder_of_all_data_is_no_folder_in_itself(evaluation: EvaluateConfig):
    config = replace(evaluation, source="cifar10", data=Path("/a/data"))

    command = portable_command(config, Path("/a/data"), params_of(config))

    assert " --data data --source cifar10 " in command


def test_a_command_can_be_copied_into_a_shell(evaluation: EvaluateConfig):
    command = portable_command(evaluation, Path("/a/my test"), params_of(evaluation))

    assert " --data 'data/my test' " in command


def test_the_figures_are_those_of_the_images_asked_for(evaluation: EvaluateConfig):
    whole = evaluate(evaluation)

    fewer = evaluate(replace(evaluation, max_images=2, write_card=True))

    assert (whole.num_images, fewer.num_images) == (5, 2)
    assert evaluation.store is not None
    entry = load_card(evaluation.store / EVALUATED / "card.json").evaluations[-1]
    assert entry.num_images == 2
    assert "--max-images 2 " in entry.command
    assert entry.images == "train: ImageFolder index 0, 5"


def test_evaluations_that_end_one_after_the_other_are_both_in_the_card(evaluation: EvaluateConfig):
    first = replace(evaluation, write_card=True, max_images=1, n=21)
    second = replace(evaluation, write_card=True, max_images=1, n=22)
    with open_subject(first) as early, open_subject(second) as late:
        write_card(first, Path("data/a"), early, ROWS, FIGURES)
        write_card(second, Path("data/a"), late, ROWS, FIGURES)

    assert evaluation.store is not None
    assert [
        each.n for each in load_card(evaluation.store / EVALUATED / "card.json").evaluations[-2:]
    ] == [
        21,
        22,
    ]


def test_figures_of_other_weights_than_the_card_s_are_kept_out_of_it(
    evaluation: EvaluateConfig, tmp_path: Path
):
    assert evaluation.store is not None
    store = shutil.copytree(evaluation.store, tmp_path / "store")
    path = store / EVALUATED / "card.json"
    config = replace(evaluation, store=store, write_card=True)
    with open_subject(config) as subject:
        card = load_card(path)
        dump_card(replace(card, weights=replace(card.weights, sha256="0" * 64)), path)
        before = path.read_bytes()

        with pytest.raises(BadCheckpoint, match="other weights"):
            write_card(config, Path("data/a"), subject, ROWS, FIGURES)

    assert path.read_bytes() == before


def test_the_description_tells_figures_and_their_limits(evaluation: EvaluateConfig):
    text = describe(evaluate(evaluation), params_of(evaluation))

    assert "5 images, sigma 0.25, n0 10, n 20, alpha 0.001, numerics sound" in text
    assert "abstention rate" in text
    assert "radius ceiling 0." in text
    assert "mean draws 30" in text


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"mode": "adaptive", "precision": 0.1}, "mode adaptive"),
        ({"mode": "decide", "radius": 0.1}, "radius 0.1"),
        ({"mode": "anytime"}, "mode anytime"),
        ({"mode": "predict"}, "mode predict"),
        ({"bound": "runner-up"}, "bound runner-up"),
        ({"family_size": 5}, "family_size 5"),
    ],
)
def test_every_procedure_of_the_service_can_be_measured(
    fields: dict[str, object], told: str, evaluation: EvaluateConfig
):
    evaluation = replace(evaluation, n0=100, n=200, batch_size=50, max_images=2, **fields)  # pyright: ignore[reportArgumentType]

    summary = evaluate(evaluation)

    assert evaluation.table is not None
    rows = [parse_row(line) for line in evaluation.table.read_text().splitlines()[1:]]
    counts = [parse_counts(line) for line in counts_path(evaluation.table).read_text().splitlines()]
    again = [certified_again(each, params_of(evaluation)) for each in counts]
    assert [row.radius for row in rows] == [certificate.radius for certificate in again]
    assert summary.mean_draws == sum(each.draws for each in counts) / 2
    assert told in describe(summary, params_of(evaluation))


def test_figures_of_decide_are_at_the_radius_that_was_asked_about(evaluation: EvaluateConfig):
    evaluation = replace(evaluation, mode="decide", radius=0.125, n0=100, n=200, max_images=2)

    summary = evaluate(evaluation)

    assert [point.radius for point in summary.curve] == [0.125]
    assert summary.radius_ceiling == 0.125
    assert "\n 0.125  " in describe(summary, params_of(evaluation))


def test_a_description_rounds_neither_radius_nor_alpha():
    params = SmoothingParams(sigma=1.0, mode="decide", radius=1.234567, alpha=0.00012345678)

    text = describe(summarise(ROWS, radii_of(params)), params)

    assert "\n1.234567  " in text
    assert "alpha 0.00012345678," in text


def test_predictions_have_an_accuracy_and_no_radius(evaluation: EvaluateConfig):
    evaluation = replace(evaluation, mode="predict", n0=100, n=100, max_images=2, plot=True)

    summary = evaluate(evaluation)

    text = describe(summary, params_of(evaluation))
    assert [point.radius for point in summary.curve] == [0.0]
    assert "average certified radius" not in text
    assert "ceiling" not in text
    assert evaluation.table is not None
    assert not evaluation.table.with_name(f"{evaluation.table.name}.png").exists()


def test_the_curve_is_drawn_beside_the_table(evaluation: EvaluateConfig, tmp_path: Path):
    evaluate(replace(evaluation, max_images=1, plot=True))

    assert (tmp_path / "table.tsv.png").read_bytes().startswith(b"\x89PNG")


def test_a_broken_image_is_named_before_any_is_certified(
    evaluation: EvaluateConfig, tmp_path: Path
):
    for name in ("blue", "green", "red"):
        (tmp_path / "data" / name).mkdir(parents=True)
        Image.new("RGB", (16, 16)).save(tmp_path / "data" / name / "x.png")
    (tmp_path / "data" / "red" / "x.png").write_bytes(b"no image")

    with pytest.raises(BadData, match=r"red/x.png cannot be certified"):
        evaluate(replace(evaluation, data=tmp_path / "data", stride=1))

    assert evaluation.table is not None
    assert evaluation.table.read_text() == f"{HEADER}\n"


def test_parameters_are_checked_before_anything_is_written(evaluation: EvaluateConfig):
    with pytest.raises(InvalidParams, match="n must be at least"):
        evaluate(replace(evaluation, n=5))

    assert evaluation.table is not None
    assert not evaluation.table.exists()
