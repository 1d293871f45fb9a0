"""The table's format, and continuing a half-written one."""

from pathlib import Path

import pytest

from training.errors import TableDiffers
from training.evaluation.table import HEADER, Row, append, open_table, parse_row

SUBJECT = {"model": "m", "sigma": 0.25}
ROW = Row(idx=40, label=3, predict=5, radius=0.123456, correct=False, time_s=3723.5)
LINE = "40\t3\t5\t0.123456\t0\t1:02:03.500000"


def test_a_row_is_tab_separated_with_a_clock():
    assert ROW.line() == LINE


def test_a_whole_second_keeps_its_microseconds():
    row = Row(idx=0, label=1, predict=-1, radius=0.0, correct=False, time_s=2.0)

    assert row.line() == "0\t1\t-1\t0.000000\t0\t0:00:02.000000"


def test_a_row_can_be_read_back():
    assert parse_row(LINE) == ROW


def test_a_new_table_has_the_literatures_header(tmp_path: Path):
    path = tmp_path / "new" / "table.tsv"

    assert open_table(path, SUBJECT) == []
    assert path.read_text() == "idx\tlabel\tpredict\tradius\tcorrect\ttime\n"


def test_a_half_written_last_row_is_dropped(tmp_path: Path):
    path = tmp_path / "table.tsv"
    open_table(path, SUBJECT)
    append(path, ROW)
    with path.open("a") as file:
        file.write("60\t3\t5\t0.12")

    rows = open_table(path, SUBJECT)

    assert rows == [ROW]
    assert path.read_text() == f"{HEADER}\n{LINE}\n"


def test_the_table_of_something_else_is_refused(tmp_path: Path):
    path = tmp_path / "table.tsv"
    open_table(path, SUBJECT)

    with pytest.raises(TableDiffers, match="sigma differ"):
        open_table(path, {"model": "m", "sigma": 0.5})


def test_another_file_is_not_overwritten(tmp_path: Path):
    path = tmp_path / "table.tsv"
    path.write_text("precious\n")

    with pytest.raises(TableDiffers):
        open_table(path, SUBJECT)

    assert path.read_text() == "precious\n"


def test_a_row_that_cannot_be_read_is_told(tmp_path: Path):
    path = tmp_path / "table.tsv"
    open_table(path, SUBJECT)
    with path.open("a") as file:
        file.write("1\t2\n")

    with pytest.raises(TableDiffers, match="cannot be read"):
        open_table(path, SUBJECT)
