"""A table and its counts: one file cannot get ahead of the other for good."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from smoothing import Votes
from training.errors import DiskFull, TableDiffers
from training.evaluation.counts import Counts
from training.evaluation.journal import Journal, about_path, counts_path
from training.evaluation.table import HEADER, Row

SUBJECT = {"model": "m", "sigma": 0.25}
INDICES = (0, 20, 40)


def record(idx: int) -> tuple[Row, Counts]:
    row = Row(idx=idx, label=3, predict=3, radius=0.25, correct=True, time_s=1.5)
    votes = Votes(counts=(0, 0, 0, idx + 1))
    return row, Counts(idx=idx, selected=3, p_lower=0.9, selection=votes, estimation=votes)


def written(table: Path, indices: Sequence[int] = INDICES) -> Journal:
    """A journal that has all the indices, whatever of them it had before."""
    journal = Journal(table, SUBJECT)
    for idx in indices[len(journal.rows) :]:
        journal.append(*record(idx))
    return journal


def contents(table: Path) -> tuple[bytes, bytes]:
    return table.read_bytes(), counts_path(table).read_bytes()


def test_a_new_table_has_a_header_and_says_what_it_is_of(tmp_path: Path):
    table = tmp_path / "new" / "table.tsv"

    assert Journal(table, SUBJECT).rows == []
    assert table.read_text() == f"{HEADER}\n"
    assert json.loads(about_path(table).read_text()) == SUBJECT


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full")
def test_a_full_disk_is_told_as_such_and_loses_no_row(tmp_path: Path):
    table, kept = tmp_path / "table.tsv", tmp_path / "kept.tsv"
    journal = written(table)
    whole = contents(table)
    table.rename(kept)
    table.symlink_to("/dev/full")

    with pytest.raises(DiskFull, match=r"no room for .*table\.tsv"):
        journal.append(*record(60))

    kept.replace(table)
    Journal(table, SUBJECT)
    assert contents(table) == whole


def test_counts_go_line_by_line_with_the_rows(tmp_path: Path):
    written(tmp_path / "table.tsv")

    lines = (tmp_path / "table.tsv.counts.jsonl").read_text().splitlines()
    assert [json.loads(line)["idx"] for line in lines] == [0, 20, 40]
    assert [json.loads(line)["n"] for line in lines] == [1, 21, 41]


@pytest.mark.parametrize("file", [0, 1], ids=["table", "counts"])
def test_a_kill_at_any_byte_of_either_file_loses_nothing(file: int, tmp_path: Path):
    table = tmp_path / "table.tsv"
    written(table, INDICES[:2])
    whole = contents(table)
    path = (table, counts_path(table))[file]

    for length in range(len(whole[file])):
        table.write_bytes(whole[0])
        counts_path(table).write_bytes(whole[1])
        path.write_bytes(whole[file][:length])

        written(table, INDICES[:2])

        assert contents(table) == whole, f"cut after {length} bytes"


def test_counts_that_are_a_row_ahead_are_written_once(tmp_path: Path):
    table = tmp_path / "table.tsv"
    written(table, INDICES[:2])
    with counts_path(table).open("a") as file:
        file.write(record(40)[1].line() + "\n")

    written(table)

    assert len(counts_path(table).read_text().splitlines()) == 3


def test_a_table_begun_without_counts_goes_on_without_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    table = tmp_path / "table.tsv"
    written(table, INDICES[:2])
    counts_path(table).unlink()

    with caplog.at_level(logging.WARNING):
        journal = written(table)

    assert [row.idx for row in journal.rows] == [0, 20, 40]
    assert not counts_path(table).exists()
    assert "begun without counts" in caplog.text


def test_the_table_of_something_else_is_refused(tmp_path: Path):
    table = tmp_path / "table.tsv"
    Journal(table, SUBJECT)

    with pytest.raises(TableDiffers, match="sigma differ"):
        Journal(table, {"model": "m", "sigma": 0.5})


def test_what_lies_beside_a_table_must_say_what_it_is_of(tmp_path: Path):
    table = tmp_path / "table.tsv"
    Journal(table, SUBJECT)
    about_path(table).write_text("[]")

    with pytest.raises(TableDiffers, match="does not say"):
        Journal(table, SUBJECT)


@pytest.mark.parametrize("text", ["precious\n", "precious", "idx label\n"])
def test_another_file_is_not_overwritten(text: str, tmp_path: Path):
    table = tmp_path / "table.tsv"
    table.write_text(text)

    with pytest.raises(TableDiffers):
        Journal(table, SUBJECT)

    assert table.read_text() == text


def test_another_header_is_refused(tmp_path: Path):
    table = tmp_path / "table.tsv"
    about_path(table).write_text(json.dumps(SUBJECT))
    table.write_text("idx\tlabel\tpredict\n")

    with pytest.raises(TableDiffers, match="its header is not"):
        Journal(table, SUBJECT)


@pytest.mark.parametrize(
    ("line", "fault"),
    [("1\t2\n", "line 5 cannot be read"), (record(20)[0].line() + "\n", "image 20 again")],
)
def test_a_line_that_is_no_row_or_a_second_one_is_named(line: str, fault: str, tmp_path: Path):
    table = tmp_path / "table.tsv"
    written(table)
    with table.open("a") as file:
        file.write(line)

    with pytest.raises(TableDiffers, match=fault):
        Journal(table, SUBJECT)
