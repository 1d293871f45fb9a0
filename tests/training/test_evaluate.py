"""Evaluation of the smoke model on its own images: format, resume, record."""

from dataclasses import replace
from pathlib import Path

import pytest

from model_store.card import load_card
from training.config import EvaluateConfig, ExportConfig
from training.errors import BadData, TableDiffers
from training.evaluate import choose_images, describe, evaluate, noise_key, params_of
from training.evaluation.table import HEADER, parse_row
from training.export import export

ID = "tiny.test"


@pytest.fixture
def config(finetuned: Path, image_folder: Path, tmp_path: Path) -> EvaluateConfig:
    export(ExportConfig(run=finetuned, id=ID, store=tmp_path / "store", measure_s=0.0))
    return EvaluateConfig(
        model=ID,
        data=image_folder,
        store=tmp_path / "store",
        table=tmp_path / "table.tsv",
        stride=5,
        n0=10,
        n=20,
        batch_size=10,
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


def test_a_half_written_table_is_continued_to_the_same_rows(config: EvaluateConfig):
    evaluate(config)
    whole = without_times(config.table)
    assert config.table is not None
    lines = config.table.read_text().splitlines(keepends=True)
    config.table.write_text("".join(lines[:3]) + lines[3][:5])

    summary = evaluate(config)

    assert without_times(config.table) == whole
    assert summary.num_images == 5


def test_workers_and_batches_change_no_row(config: EvaluateConfig, tmp_path: Path):
    evaluate(config)
    other = replace(config, table=tmp_path / "other.tsv", workers=2, batch_size=7)

    evaluate(other)

    assert without_times(other.table) == without_times(config.table)


def test_another_sigma_does_not_continue_the_table(config: EvaluateConfig):
    evaluate(config)

    with pytest.raises(TableDiffers, match="sigma"):
        evaluate(replace(config, sigma=0.5))


def test_the_figures_go_into_the_card_once(config: EvaluateConfig):
    evaluate(replace(config, write_card=True))
    summary = evaluate(replace(config, write_card=True))

    assert config.store is not None
    (entry,) = load_card(config.store / ID / "card.json").evaluations
    assert (entry.sigma, entry.n0, entry.n, entry.num_images) == (0.25, 10, 20, 5)
    assert entry.certified_accuracy[0] == (0.0, summary.curve[0].accuracy)
    assert entry.command == (
        f"python -m training evaluate --model {ID} --data data/train --stride 5 "
        "--sigma 0.25 --n0 10 --n 20 --alpha 0.001 --numerics sound"
    )


def test_the_description_tells_figures_and_their_limits(config: EvaluateConfig):
    text = describe(evaluate(config), params_of(config))

    assert "5 images, sigma 0.25, n0 10, n 20, alpha 0.001, numerics sound" in text
    assert "abstention rate" in text
    assert "radius ceiling 0." in text


def test_the_noise_of_an_image_is_public_and_its_own():
    assert noise_key(20).hex() == noise_key(20).hex()
    assert len({noise_key(index) for index in range(100)}) == 100
    assert len(noise_key(0)) == 32


def test_fewer_images_can_be_asked_for(image_folder: Path):
    labels = ("red", "green", "blue")

    chosen = choose_images(image_folder, labels, stride=3, max_images=2)

    assert [(image.index, image.label) for image in chosen] == [(0, 2), (3, 2)]


def test_classes_the_model_does_not_know_are_named(image_folder: Path):
    with pytest.raises(BadData, match="does not know: blue, red"):
        choose_images(image_folder, ("green", "grey"), stride=1, max_images=None)
