"""Reading others' tables: every convention that is about, and what is none."""

from pathlib import Path

import pytest

from training.errors import BadTable
from training.evaluation.literature import Table, read_table

COHEN = (
    "idx\tlabel\tpredict\tradius\tcorrect\ttime\n"
    "0\t3\t3\t0.731\t1\t0:00:17.123456\n"
    "20\t7\t-1\t0.0\t0\t0:00:16.9\n"
    "40\t4\t5\t0.123\t0\t0:00:17.0\n"
    "60\t2\t2\t1.2e-05\t1\t0:00:17.0\n"
)


@pytest.fixture
def read(tmp_path: Path):
    def read_text(text: str | bytes) -> Table:
        path = tmp_path / "theirs.tsv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_table(path)

    return read_text


def gist(table: Table) -> list[tuple[int, int, float, bool]]:
    return [(row.idx, row.predict, row.radius, row.correct) for row in table.rows]


EXPECTED = [(0, 3, 0.731, True), (20, -1, 0.0, False), (40, 5, 0.123, False), (60, 2, 1.2e-5, True)]


def test_cohens_tables_are_read_as_they_are(read):
    table = read(COHEN)

    assert gist(table) == EXPECTED
    assert table.rows[0].time_s == pytest.approx(17.123456)
    assert table.lines == {0: 2, 20: 3, 40: 4, 60: 5}
    assert table.notes == ()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("windows line ends", COHEN.replace("\n", "\r\n")),
        ("byte order mark", "\ufeff" + COHEN),
        ("commas", COHEN.replace("\t", ",")),
        ("blanks", COHEN.replace("\t", "  ")),
        ("no newline at the end", COHEN.removesuffix("\n")),
        ("blank lines", COHEN.replace("\n", "\n\n")),
        ("a header again", COHEN.replace("40\t4", COHEN.splitlines()[0] + "\n40\t4")),
        ("capitals", COHEN.replace("idx\tlabel\tpredict", "Idx\tLabel \tPredict")),
        ("other words", COHEN.replace("idx\tlabel\tpredict", "index\ttarget\tprediction")),
        ("no times", "".join(line.rpartition("\t")[0] + "\n" for line in COHEN.splitlines())),
        ("a time cut short", COHEN.replace("0:00:17.0\n60", "0:0\n60")),
        (
            "a data frame's",
            COHEN.replace("40\t4\t5", "40.0\t4.0\t5.0").replace("\t-1\t", "\t-1.0\t"),
        ),
        ("radius -1 for abstentions", COHEN.replace("-1\t0.0", "-1\t-1.0")),
        ("radius nan for abstentions", COHEN.replace("-1\t0.0", "-1\tnan")),
        ("abstentions in words", COHEN.replace("\t-1\t", "\tABSTAIN\t")),
        (
            "correct as words",
            COHEN.replace("\t0\t0:", "\tFalse\t0:").replace("\t1\t0:", "\tTrue\t0:"),
        ),
    ],
)
def test_other_conventions_give_the_same_rows(name: str, text: str, read):
    assert gist(read(text)) == EXPECTED, name
    assert read(text).notes == ()


def test_further_columns_are_passed_over(read):
    text = "".join(
        line.replace("\t", f"\t{'pABar' if not at else '.9'}\t", 2) + "\textra\n"
        for at, line in enumerate(COHEN.splitlines())
    )

    assert gist(read(text)) == EXPECTED


def test_a_running_count_in_place_of_correct_is_seen(read):
    lines = [line.split("\t") for line in COHEN.splitlines()]
    for line, count in zip(lines[1:], ("1", "1", "1", "2"), strict=True):
        line[4] = count

    table = read("\n".join(map("\t".join, lines)) + "\n")

    assert gist(table) == EXPECTED
    assert "correct is a running count" in table.notes[0]


def test_a_renamed_count_beside_correct_is_passed_over(read):
    text = COHEN.replace("\tcorrect\t", "\tcorrect_num\tcorrect\t")
    for count, line in enumerate(COHEN.splitlines()[1:]):
        *first, correct, time = line.split("\t")
        text = text.replace(line, "\t".join([*first, str(count), correct, time]))

    assert gist(read(text)) == EXPECTED
    assert read(text).notes == ()


def test_correct_that_is_none_is_told_with_its_line(read):
    table = read(COHEN.replace("0.123\t0", "0.123\t1"))

    assert gist(table) == EXPECTED
    assert "1 rows, the first on line 4" in table.notes[0]


def test_a_class_with_a_negative_radius_is_an_abstention_and_told(read):
    table = read(COHEN.replace("0.731\t1", "-1\t1"))

    assert gist(table)[0] == (0, -1, 0.0, False)
    assert "1 rows have a class and a negative radius, the first on line 2" in table.notes[0]


def test_a_last_row_cut_short_is_passed_over_and_told(read):
    table = read(COHEN + "80\t3\t3")

    assert gist(table) == EXPECTED
    assert "line 6, the last, is half written" in table.notes[0]


@pytest.mark.parametrize("cut", ["80\t3\t3\t", "80\t3\t3\t0", "80\t3\t3\t0.7\t"])
def test_a_radius_that_may_be_cut_short_is_none(cut: str, read):
    table = read(COHEN + cut)

    assert gist(table) == EXPECTED
    assert "line 6, the last, is half written" in table.notes[0]


def test_a_count_that_is_no_number_is_no_truth(read):
    assert gist(read(COHEN.replace("0.731\t1", "0.731\tinf"))) == EXPECTED


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", r"line 1 should name the columns.*the file is empty"),
        (COHEN.splitlines()[0] + "\n", "has no row under its header"),
        (COHEN.split("\n", 1)[1], r"line 1 should name the columns.*idx, label, predict, radius"),
        ("idx\tlabel\tpredict\tcorrect\ttime\n0\t1\t1\t1\t0:00:01", "radius missing"),
        (b"\x89PNG\r\n\x1a\n\xff", "is no text file"),
        (COHEN.replace("0.731", "nan"), r"line 2 has class 3 with the radius 'nan'"),
        (COHEN.replace("0.731", "inf"), r"line 2 has class 3 with the radius 'inf'"),
        (COHEN.replace("0.731", "x"), "line 2 could not convert"),
        (COHEN.replace("40\t4\t5", "40\tcat\t5"), "line 4 could not convert"),
        (COHEN.replace("40\t4\t5", "40\t4\t5.5"), r"line 4 has '5\.5' where a whole number"),
        (COHEN.replace("40\t4\t5", "40\tinf\t5"), "line 4 has 'inf' where a whole number"),
        (COHEN.replace("\t-1\t", "\t-2\t"), "line 3 has the class -2"),
        (COHEN.replace("\t7\t-1", "\t-1\t-1"), "line 3 has the label -1"),
        (COHEN.replace("20\t7\t-1\t0.0\t0\t0:00:16.9", "20\t7"), "line 3 has 2 columns"),
        (COHEN.replace("60\t2", "20\t2"), "line 5 has image 20 again, as line 3"),
    ],
)
def test_what_is_no_table_is_refused_with_its_file_and_line(text, fault: str, read):
    with pytest.raises(BadTable, match=fault) as caught:
        read(text)

    assert "theirs.tsv" in str(caught.value)


def test_a_missing_file_is_told(tmp_path: Path):
    with pytest.raises(BadTable, match=r"no.tsv cannot be read: No such file"):
        read_table(tmp_path / "no.tsv")
