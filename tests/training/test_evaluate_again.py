"""An evaluation that is begun again goes on where it was, or says why it cannot."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.training.conftest import without_times
from training.config import EvaluateConfig
from training.errors import InUse, TableDiffers
from training.evaluate import evaluate
from training.evaluation.counts import parse_counts
from training.evaluation.journal import counts_path, lock_path
from training.evaluation.table import HEADER
from training.locks import alone


def test_a_half_written_table_is_continued_to_the_same_rows(evaluation: EvaluateConfig):
    evaluate(evaluation)
    whole = without_times(evaluation.table)
    assert evaluation.table is not None
    lines = evaluation.table.read_text().splitlines(keepends=True)
    evaluation.table.write_text("".join(lines[:3]) + lines[3][:5])

    summary = evaluate(evaluation)

    assert without_times(evaluation.table) == whole
    assert summary.num_images == 5


def test_a_table_that_another_process_writes_is_left_alone(evaluation: EvaluateConfig):
    table = evaluation.table
    assert table is not None

    with (
        alone(lock_path(table), doing="", option=""),
        pytest.raises(InUse, match=r"another process .*table\.tsv"),
    ):
        evaluate(evaluation)

    assert list(table.parent.glob("*table*")) == []
    assert evaluate(replace(evaluation, max_images=1)).num_images == 1


def test_a_table_begun_in_one_runtime_goes_on_in_another(
    evaluation: EvaluateConfig, tmp_path: Path
):
    evaluate(replace(evaluation, runtime="eager", max_images=2))
    assert evaluation.table is not None

    evaluate(evaluation)

    counts = [parse_counts(line) for line in counts_path(evaluation.table).read_text().splitlines()]
    assert [each.runtime.split()[0] for each in counts] == ["eager"] * 2 + ["openvino"] * 3
    eager = replace(evaluation, runtime="eager", table=tmp_path / "eager.tsv")
    evaluate(eager)
    assert without_times(eager.table) == without_times(evaluation.table)


def test_another_start_continues_no_table_and_gives_the_same_rows(
    evaluation: EvaluateConfig, tmp_path: Path
):
    evaluate(evaluation)
    later = replace(evaluation, start=10, table=tmp_path / "later.tsv", max_images=2)

    evaluate(later)

    assert without_times(later.table) == [
        HEADER.removesuffix("\ttime"),
        *without_times(evaluation.table)[3:5],
    ]
    with pytest.raises(TableDiffers, match="start differ"):
        evaluate(replace(later, table=evaluation.table))


def test_another_sigma_does_not_continue_the_table(evaluation: EvaluateConfig):
    evaluate(evaluation)

    with pytest.raises(TableDiffers, match="sigma"):
        evaluate(replace(evaluation, sigma=0.5))


def test_a_table_whose_labels_are_not_the_images_is_refused(evaluation: EvaluateConfig):
    evaluate(evaluation)
    assert evaluation.table is not None
    header, first, *rest = evaluation.table.read_text().splitlines(keepends=True)
    idx, _, _, *others = first.split("\t")
    wrong = "\t".join([idx, "2", "-1", "0.0", "0", others[-1]])
    evaluation.table.write_text("".join([header, wrong, *rest]))

    with pytest.raises(TableDiffers, match="line 2 has label 2 for image 0, the data set 0"):
        evaluate(evaluation)


def test_a_table_of_images_that_were_changed_since_is_refused(
    evaluation: EvaluateConfig, tmp_path: Path
):
    assert evaluation.data is not None
    data = tmp_path / "data" / evaluation.data.name
    shutil.copytree(evaluation.data, data)
    evaluation = replace(evaluation, data=data)
    evaluate(replace(evaluation, max_images=2))
    first, second, *_ = sorted(data.rglob("*.png"))
    first.write_bytes(second.read_bytes())

    with pytest.raises(TableDiffers, match="line 2 is of another image 0 than the data set has"):
        evaluate(evaluation)


def test_a_table_that_does_not_tell_its_images_is_continued(evaluation: EvaluateConfig):
    evaluate(replace(evaluation, max_images=2))
    assert evaluation.table is not None
    path = counts_path(evaluation.table)
    older = [replace(parse_counts(line), image_sha256="") for line in path.read_text().splitlines()]
    path.write_text("".join(f"{each.line()}\n" for each in older))

    assert evaluate(evaluation).num_images == 5


@pytest.mark.parametrize(("column", "value"), [(2, "1"), (3, "0.5")], ids=["class", "radius"])
def test_a_row_that_its_votes_do_not_give_is_refused(
    column: int, value: str, evaluation: EvaluateConfig
):
    evaluate(evaluation)
    assert evaluation.table is not None
    header, first, *rest = evaluation.table.read_text().splitlines(keepends=True)
    fields = first.split("\t")
    fields[column] = value
    fields[4] = str(int(fields[2] == fields[1]))
    evaluation.table.write_text("".join([header, "\t".join(fields), *rest]))

    with pytest.raises(TableDiffers, match="line 2 is not what the votes of image 0 beside it"):
        evaluate(evaluation)


@pytest.mark.parametrize(
    "fields", [{}, {"mode": "decide", "radius": 0.1}, {"mode": "anytime"}, {"mode": "predict"}]
)
def test_an_evaluation_of_any_mode_goes_on(fields: dict[str, object], evaluation: EvaluateConfig):
    evaluation = replace(evaluation, n0=100, n=100, batch_size=50, **fields)  # pyright: ignore[reportArgumentType]
    evaluate(replace(evaluation, max_images=3))

    summary = evaluate(evaluation)

    assert evaluation.table is not None
    counts = [parse_counts(line) for line in counts_path(evaluation.table).read_text().splitlines()]
    assert {len(each.estimation.counts) for each in counts} == {3}
    assert summary.num_images == 5


def test_a_table_of_another_procedure_is_not_continued(evaluation: EvaluateConfig):
    evaluate(evaluation)

    with pytest.raises(TableDiffers, match="mode, n, n0, radius differ"):
        evaluate(replace(evaluation, mode="decide", radius=0.05, n0=100, n=100))
