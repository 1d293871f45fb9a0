"""The table's format."""

from dataclasses import replace

import pytest

from training.evaluation.table import HEADER, Row, parse_clock, parse_row

ROW = Row(idx=40, label=3, predict=5, radius=0.123456, correct=False, time_s=3723.5)
LINE = "40\t3\t5\t0.123456\t0\t1:02:03.500000"


def test_the_header_is_the_literatures():
    assert HEADER == "idx\tlabel\tpredict\tradius\tcorrect\ttime"


def test_a_row_is_tab_separated_with_a_clock():
    assert ROW.line() == LINE


def test_a_whole_second_keeps_its_microseconds():
    row = Row(idx=0, label=1, predict=-1, radius=0.0, correct=False, time_s=2.0)

    assert row.line() == "0\t1\t-1\t0.000000\t0\t0:00:02.000000"


@pytest.mark.parametrize("seconds", [0.0, 59.9999999, 3599.5, 90_000.25])
def test_any_time_can_be_read_back(seconds: float):
    row = Row(idx=0, label=1, predict=1, radius=0.5, correct=True, time_s=seconds)

    assert parse_row(row.line()).time_s == pytest.approx(seconds, abs=1e-6)


def test_a_row_can_be_read_back():
    assert parse_row(LINE) == ROW


def test_a_row_of_a_decision_keeps_all_digits_of_the_radius_that_was_asked_about() -> None:
    row = replace(ROW, radius=0.1234567)

    assert parse_row(row.line()) == row


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0:00:17.250000", 17.25),
        ("1:00:00", 3600),
        ("1 day, 2:00:01", 93_601),
        ("2 days, 0:00:00.5", 172_800.5),
        ("17.5", 17.5),
    ],
)
def test_clocks_are_pythons_time_differences_or_seconds(text: str, seconds: float):
    assert parse_clock(text) == seconds


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("1\t2", "not enough values"),
        ("0\t3\t3\tnan\t1\t0:00:01.0", "radius must be a number"),
        ("0\t3\t3\t-1.0\t1\t0:00:01.0", "radius must be a number"),
        ("0\t3\t5\t0.5\t1\t0:00:01.0", "correct is 1, label 3 and predict 5"),
        ("-4\t3\t5\t0.5\t0\t0:00:01.0", "idx and label must be at least 0"),
    ],
)
def test_a_row_that_makes_no_sense_is_refused(line: str, fault: str):
    with pytest.raises(ValueError, match=fault):
        parse_row(line)
