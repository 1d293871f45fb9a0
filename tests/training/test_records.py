"""What a run writes down, once for each step, however often it was killed."""

import csv
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from training.config import FinetuneConfig
from training.engine.curves import draw_curves
from training.engine.records import Records, Row, read_losses, read_validations
from training.errors import DiskFull
from training.finetune import finetune


def next_second() -> None:
    began = int(time.time())
    while int(time.time()) == began:
        time.sleep(0.02)


def row(step: int) -> Row:
    return Row(step=step, loss=1 / 3, lr_scale=0.5, gradient_norm=2.0, images_per_s=100.0)


def write(out: Path, *, start: int, steps: range) -> None:
    with Records(out, start) as records:
        for step in steps:
            records.add(row(step))
            records.add_validation(step, {"accuracy": step / 10})


def board(out: Path, tag: str) -> list[tuple[int, float]]:
    events = EventAccumulator(str(out / "tensorboard"))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars(tag)]


def test_a_row_reads_back_as_it_was_written(tmp_path: Path):
    write(tmp_path, start=0, steps=range(1, 3))

    assert read_losses(tmp_path)[1] == {
        "step": 2,
        "loss": 1 / 3,
        "lr_scale": 0.5,
        "gradient_norm": 2,
        "images_per_s": 100,
    }


def test_rows_after_the_checkpoint_are_dropped_on_resuming(tmp_path: Path):
    write(tmp_path, start=0, steps=range(1, 6))

    write(tmp_path, start=3, steps=range(4, 7))

    assert [line["step"] for line in read_losses(tmp_path)] == [1, 2, 3, 4, 5, 6]
    assert [line["step"] for line in read_validations(tmp_path)] == [1, 2, 3, 4, 5, 6]


def test_tensorboard_shows_every_step_once_after_resuming(tmp_path: Path):
    write(tmp_path, start=0, steps=range(1, 6))

    next_second()  # TensorBoard orders the files of a run by the second in their names
    write(tmp_path, start=3, steps=range(4, 7))

    assert [step for step, _ in board(tmp_path, "train/loss")] == [1, 2, 3, 4, 5, 6]
    assert board(tmp_path, "validation/accuracy")[-1] == (6, pytest.approx(0.6))


def test_a_row_that_was_cut_short_is_dropped(tmp_path: Path):
    write(tmp_path, start=0, steps=range(1, 4))
    with (tmp_path / "losses.csv").open("a") as file:
        file.write("4,0.33")
    with (tmp_path / "validation.jsonl").open("a") as file:
        file.write('{"step": 4, "acc')

    write(tmp_path, start=3, steps=range(4, 5))

    assert [line["step"] for line in read_losses(tmp_path)] == [1, 2, 3, 4]
    assert [line["step"] for line in read_validations(tmp_path)] == [1, 2, 3, 4]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full")
@pytest.mark.parametrize("which", ["losses", "board"])
def test_a_full_disk_is_told_as_such_and_by_no_thread(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], which: str
):
    records = Records(tmp_path, 0)
    file = records._file if which == "losses" else records._board._file
    with Path("/dev/full").open("w") as full:
        os.dup2(full.fileno(), file.fileno())
    records.add_validation(1, {"accuracy": 0.5})
    records._file.write("1,")

    with pytest.raises(DiskFull, match="no room for"), records:
        records.flush()

    assert capfd.readouterr().err == ""


def test_tensorboard_and_the_table_show_the_same_losses(
    finetune_config: FinetuneConfig, tmp_path: Path
):
    finetune(finetune_config, tmp_path)

    rows = read_losses(tmp_path)
    scalars = board(tmp_path, "train/loss")
    assert [step for step, _ in scalars] == [line["step"] for line in rows]
    np.testing.assert_allclose(
        [value for _, value in scalars], [line["loss"] for line in rows], rtol=1e-6
    )


def test_the_curves_are_drawn_at_the_end(finetune_config: FinetuneConfig, tmp_path: Path):
    loop = replace(finetune_config.loop, validate_every=3)
    data = replace(finetune_config.data, validation_every=6)

    finetune(replace(finetune_config, loop=loop, data=data), tmp_path)

    with Image.open(tmp_path / "curves.png") as picture:
        pixels = np.asarray(picture.convert("L"))
    assert picture.size[0] > 500
    assert picture.size[1] > 900  # four plots: loss, rate, held-out loss and accuracy
    assert 0 < (pixels < 128).mean() < 0.2


def test_the_curves_of_a_run_without_validation_are_two(tmp_path: Path):
    with Records(tmp_path, 0) as records:
        for step in range(1, 201):
            records.add(row(step))

    draw_curves(tmp_path, title="a run")

    with Image.open(tmp_path / "curves.png") as picture:
        assert 400 < picture.size[1] < 600


def test_a_table_has_the_columns_that_the_documents_name(tmp_path: Path):
    write(tmp_path, start=0, steps=range(1, 2))

    with (tmp_path / "losses.csv").open(newline="") as file:
        assert next(csv.reader(file)) == [
            *("step", "loss", "lr_scale", "gradient_norm", "images_per_s")
        ]
    assert json.loads((tmp_path / "validation.jsonl").read_text()) == {"step": 1, "accuracy": 0.1}
