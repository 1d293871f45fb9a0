"""Evaluation of the smoke model on its own images: format, resume, record."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from model_store.card import load_card
from smoothing import InvalidParams
from training.config import EvaluateConfig, ExportConfig
from training.errors import BadData, TableDiffers
from training.evaluate import describe, evaluate, params_of
from training.evaluation.card import write_card
from training.evaluation.counts import certified_again, parse_counts
from training.evaluation.journal import counts_path
from training.evaluation.subject import open_subject
from training.evaluation.summary import summarise
from training.evaluation.table import HEADER, Row, parse_row
from training.export import export

ID = "tiny.test"
ROWS = [Row(idx=0, label=0, predict=0, radius=0.1, correct=True, time_s=1.0)]
FIGURES = replace(summarise(ROWS, [0.0]), radius_ceiling=0.5)


@pytest.fixture(scope="session")
def store(finetuned: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    export(ExportConfig(run=finetuned, id=ID, store=folder, measure_s=0.0))
    return folder


@pytest.fixture
def config(store: Path, image_folder: Path, tmp_path: Path) -> EvaluateConfig:
    return EvaluateConfig(
        model=ID,
        data=image_folder,
        store=store,
        table=tmp_path / "table.tsv",
        stride=5,
        n0=10,
        n=20,
        batch_size=10,
        plot=False,
    )


def without_times(table: Path | None) -> list[str]:
    assert table is not None
    return [line.rsplit("\t", 1)[0] for line in table.read_text().splitlines()]


def test_the_table_has_a_row_for_each_chosen_image(config: EvaluateConfig):
    summary = evaluate(config)

    assert config.table is not None
    header, *lines = config.table.read_text().splitlines()
    rows = [parse_row(line) for line in lines]
    assert header == HEADER
    assert [row.idx for row in rows] == [0, 5, 10, 15, 20]
    assert [row.label for row in rows] == [0, 0, 1, 1, 2]
    assert all(row.radius == 0 or row.predict >= 0 for row in rows)
    assert summary.num_images == 5


def test_the_counts_beside_the_table_give_its_radii(config: EvaluateConfig):
    evaluate(config)

    assert config.table is not None
    rows = [parse_row(line) for line in config.table.read_text().splitlines()[1:]]
    counts = [parse_counts(line) for line in counts_path(config.table).read_text().splitlines()]
    again = [certified_again(each, params_of(config)) for each in counts]
    assert [row.idx for row in rows] == [each.idx for each in counts]
    assert [row.radius for row in rows] == [certificate.radius for certificate in again]
    assert {(each.selection.total, each.estimation.total) for each in counts} == {(10, 20)}


def test_a_half_written_table_is_continued_to_the_same_rows(config: EvaluateConfig):
    evaluate(config)
    whole = without_times(config.table)
    assert config.table is not None
    lines = config.table.read_text().splitlines(keepends=True)
    config.table.write_text("".join(lines[:3]) + lines[3][:5])

    summary = evaluate(config)

    assert without_times(config.table) == whole
    assert summary.num_images == 5


def test_batches_and_threads_change_no_row(config: EvaluateConfig, tmp_path: Path):
    evaluate(config)
    other = replace(config, table=tmp_path / "other.tsv", batch_size=7, threads=1)

    evaluate(other)

    assert without_times(other.table) == without_times(config.table)


def test_a_table_begun_in_one_runtime_goes_on_in_another(config: EvaluateConfig, tmp_path: Path):
    evaluate(replace(config, runtime="eager", max_images=2))
    assert config.table is not None

    evaluate(config)

    counts = [parse_counts(line) for line in counts_path(config.table).read_text().splitlines()]
    assert [each.runtime.split()[0] for each in counts] == ["eager"] * 2 + ["openvino"] * 3
    eager = replace(config, runtime="eager", table=tmp_path / "eager.tsv")
    evaluate(eager)
    assert without_times(eager.table) == without_times(config.table)


@pytest.mark.slow
def test_several_workers_write_the_same_rows(config: EvaluateConfig, tmp_path: Path):
    evaluate(config)
    other = replace(config, table=tmp_path / "other.tsv", workers=2)

    evaluate(other)

    assert without_times(other.table) == without_times(config.table)


def test_another_start_continues_no_table_and_gives_the_same_rows(
    config: EvaluateConfig, tmp_path: Path
):
    evaluate(config)
    later = replace(config, start=10, table=tmp_path / "later.tsv", max_images=2)

    evaluate(later)

    assert without_times(later.table) == [
        HEADER.removesuffix("\ttime"),
        *without_times(config.table)[3:5],
    ]
    with pytest.raises(TableDiffers, match="start differ"):
        evaluate(replace(later, table=config.table))


def test_another_sigma_does_not_continue_the_table(config: EvaluateConfig):
    evaluate(config)

    with pytest.raises(TableDiffers, match="sigma"):
        evaluate(replace(config, sigma=0.5))


def test_noise_that_the_model_was_not_trained_under_is_warned_of(
    config: EvaluateConfig, caplog: pytest.LogCaptureFixture, tmp_path: Path
):
    evaluate(replace(config, max_images=1))
    assert "was trained under" not in caplog.text

    evaluate(replace(config, sigma=0.5, table=tmp_path / "other.tsv", max_images=1))

    assert "trained under noise of sigma 0.25, and is measured at 0.5" in caplog.text


def test_a_table_whose_labels_are_not_the_images_is_refused(config: EvaluateConfig):
    evaluate(config)
    assert config.table is not None
    header, first, *rest = config.table.read_text().splitlines(keepends=True)
    idx, _, _, *others = first.split("\t")
    wrong = "\t".join([idx, "2", "-1", "0.0", "0", others[-1]])
    config.table.write_text("".join([header, wrong, *rest]))

    with pytest.raises(TableDiffers, match="line 2 has label 2 for image 0, the data set 0"):
        evaluate(config)


@pytest.mark.parametrize(("column", "value"), [(2, "1"), (3, "0.5")], ids=["class", "radius"])
def test_a_row_that_its_votes_do_not_give_is_refused(
    column: int, value: str, config: EvaluateConfig
):
    evaluate(config)
    assert config.table is not None
    header, first, *rest = config.table.read_text().splitlines(keepends=True)
    fields = first.split("\t")
    fields[column] = value
    fields[4] = str(int(fields[2] == fields[1]))
    config.table.write_text("".join([header, "\t".join(fields), *rest]))

    with pytest.raises(TableDiffers, match="line 2 is not what the votes of image 0 beside it"):
        evaluate(config)


def test_the_figures_go_into_the_card_once(config: EvaluateConfig):
    evaluate(replace(config, write_card=True))
    summary = evaluate(replace(config, write_card=True))

    assert config.store is not None
    written = load_card(config.store / ID / "card.json").evaluations
    (entry,) = [each for each in written if each.num_images == 5]
    assert (entry.sigma, entry.n0, entry.n, entry.num_images) == (0.25, 10, 20, 5)
    assert entry.certified_accuracy[0] == (0.0, summary.curve[0].accuracy)
    assert entry.images == "train: ImageFolder index 0, 5, 10, ..., 20"
    assert re.search(r", torch \S+; openvino \S+, float32, .*10 rows, \d+ threads$", entry.hardware)
    assert entry.command == (
        f"python -m training evaluate --model {ID} --data data/train --stride 5 "
        "--sigma 0.25 --n0 10 --n 20 --alpha 0.001 --numerics sound"
    )


def test_the_figures_are_those_of_the_images_asked_for(config: EvaluateConfig):
    whole = evaluate(config)

    fewer = evaluate(replace(config, max_images=2, write_card=True))

    assert (whole.num_images, fewer.num_images) == (5, 2)
    assert config.store is not None
    entry = load_card(config.store / ID / "card.json").evaluations[-1]
    assert entry.num_images == 2
    assert "--max-images 2 " in entry.command
    assert entry.images == "train: ImageFolder index 0, 5"


def test_evaluations_that_end_one_after_the_other_are_both_in_the_card(config: EvaluateConfig):
    first = replace(config, write_card=True, max_images=1, n=21)
    second = replace(config, write_card=True, max_images=1, n=22)
    with open_subject(first) as early, open_subject(second) as late:
        write_card(first, Path("data/a"), early, ROWS, FIGURES)
        write_card(second, Path("data/a"), late, ROWS, FIGURES)

    assert config.store is not None
    assert [each.n for each in load_card(config.store / ID / "card.json").evaluations[-2:]] == [
        21,
        22,
    ]


def test_the_description_tells_figures_and_their_limits(config: EvaluateConfig):
    text = describe(evaluate(config), params_of(config))

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
    fields: dict[str, object], told: str, config: EvaluateConfig
):
    config = replace(config, n0=100, n=200, batch_size=50, max_images=2, **fields)  # pyright: ignore[reportArgumentType]

    summary = evaluate(config)

    assert config.table is not None
    rows = [parse_row(line) for line in config.table.read_text().splitlines()[1:]]
    counts = [parse_counts(line) for line in counts_path(config.table).read_text().splitlines()]
    again = [certified_again(each, params_of(config)) for each in counts]
    assert [row.radius for row in rows] == [certificate.radius for certificate in again]
    assert summary.mean_draws == sum(each.draws for each in counts) / 2
    assert told in describe(summary, params_of(config))


@pytest.mark.parametrize(
    "fields", [{}, {"mode": "decide", "radius": 0.1}, {"mode": "anytime"}, {"mode": "predict"}]
)
def test_an_evaluation_of_any_mode_goes_on(fields: dict[str, object], config: EvaluateConfig):
    config = replace(config, n0=100, n=100, batch_size=50, **fields)  # pyright: ignore[reportArgumentType]
    evaluate(replace(config, max_images=3))

    summary = evaluate(config)

    assert config.table is not None
    counts = [parse_counts(line) for line in counts_path(config.table).read_text().splitlines()]
    assert {len(each.estimation.counts) for each in counts} == {3}
    assert summary.num_images == 5


def test_figures_of_decide_are_at_the_radius_that_was_asked_about(config: EvaluateConfig):
    config = replace(config, mode="decide", radius=0.125, n0=100, n=200, max_images=2)

    summary = evaluate(config)

    assert [point.radius for point in summary.curve] == [0.125]
    assert summary.radius_ceiling == 0.125
    assert "\n 0.125  " in describe(summary, params_of(config))


def test_predictions_have_an_accuracy_and_no_radius(config: EvaluateConfig):
    config = replace(config, mode="predict", n0=100, n=100, max_images=2, plot=True)

    summary = evaluate(config)

    text = describe(summary, params_of(config))
    assert [point.radius for point in summary.curve] == [0.0]
    assert "average certified radius" not in text
    assert "ceiling" not in text
    assert config.table is not None
    assert not config.table.with_name(f"{config.table.name}.png").exists()


def test_a_table_of_another_procedure_is_not_continued(config: EvaluateConfig):
    evaluate(config)

    with pytest.raises(TableDiffers, match="mode, n, n0, radius differ"):
        evaluate(replace(config, mode="decide", radius=0.05, n0=100, n=100))


def test_the_curve_is_drawn_beside_the_table(config: EvaluateConfig, tmp_path: Path):
    evaluate(replace(config, max_images=1, plot=True))

    assert (tmp_path / "table.tsv.png").read_bytes().startswith(b"\x89PNG")


def test_a_broken_image_is_named_before_any_is_certified(config: EvaluateConfig, tmp_path: Path):
    for name in ("blue", "green", "red"):
        (tmp_path / "data" / name).mkdir(parents=True)
        Image.new("RGB", (16, 16)).save(tmp_path / "data" / name / "x.png")
    (tmp_path / "data" / "red" / "x.png").write_bytes(b"no image")

    with pytest.raises(BadData, match=r"red/x.png cannot be certified"):
        evaluate(replace(config, data=tmp_path / "data", stride=1))

    assert config.table is not None
    assert config.table.read_text() == f"{HEADER}\n"


def test_parameters_are_checked_before_anything_is_written(config: EvaluateConfig):
    with pytest.raises(InvalidParams, match="n must be at least"):
        evaluate(replace(config, n=5))

    assert config.table is not None
    assert not config.table.exists()
