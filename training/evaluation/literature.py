"""Reading tables of certificates from anywhere: Cohen's format and what became of it.

Everybody writes `idx label predict radius correct time`, but not the same things into it:
`correct` is a running count in Carlini's logs, renamed `correct_num` in others; an abstention has
the radius 0, -1 or nan; columns are added; a run that was started again repeats its header. So
`correct` is worked out from `label` and `predict`, and what else was unusual is told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import isfinite
from pathlib import Path

from training.errors import BadTable
from training.evaluation.table import ABSTAINED, Row, parse_clock

_NEEDED = ("idx", "label", "predict", "radius")
_OTHER_NAMES = {
    "index": "idx",
    "id": "idx",
    "target": "label",
    "pred": "predict",
    "prediction": "predict",
    "predicted": "predict",
    "rad": "radius",
    "correct_num": "correct",
}
_ABSTENTIONS = frozenset({"abstain", "abstained", "none", "nan", ""})
_TRUTH = {"true": 1, "false": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The rows of a file.

    Attributes:
        path: The file.
        rows: One an image, in the file's order.
        lines: Line of each image, by its idx.
        notes: What was unusual, in words.
    """

    path: Path
    rows: tuple[Row, ...]
    lines: Mapping[int, int]
    notes: tuple[str, ...] = ()


def read_table(path: Path) -> Table:
    """The rows of a table in Cohen's format; separated by tabs, commas or blanks.

    Raises:
        BadTable: The file cannot be read, a column or all rows are missing, or a row makes no
            sense; the message names the file and the line.
    """
    text = _text(path)
    (number, header), *body = _lines(text) or [(1, "")]
    separator = "\t" if "\t" in header else "," if "," in header else None
    columns = _columns(path, number, header.split(separator))
    reader = _Reader(path, columns, separator)
    rows = [(number, line) for number, line in body if line != header]
    for number, line in rows[:-1]:
        reader.read(number, line)
    if rows:
        # One that does not end may have been cut within its radius: is it as long as the others?
        others = (header, *(line for _, line in rows[-2:-1]))
        whole = min(len(line.split(separator)) for line in others)
        reader.read_last(*rows[-1], least=0 if text.endswith(("\n", "\r")) else whole)
    return reader.table()


class _Reader:
    def __init__(self, path: Path, columns: Mapping[str, int], separator: str | None) -> None:
        self._path, self._columns, self._separator = path, columns, separator
        self._least = 1 + max(columns[name] for name in _NEEDED)
        self._rows: list[Row] = []
        self._lines: dict[int, int] = {}
        self._told_correct: list[int | None] = []
        self._negative: list[int] = []
        self._notes: list[str] = []

    def read_last(self, number: int, line: str, *, least: int) -> None:
        if len(line.split(self._separator)) < max(self._least, least):
            self._notes.append(f"line {number}, the last, is half written: passed over")
        else:
            self.read(number, line)

    def read(self, number: int, line: str) -> None:
        fields = [field.strip() for field in line.split(self._separator)]
        if len(fields) < self._least:
            raise self._bad(number, f"has {len(fields)} columns: {line!r}")
        try:
            row = self._row(number, {name: fields[at] for name, at in self._present(fields)})
        except ValueError as error:
            raise self._bad(number, str(error)) from error
        if row.idx in self._lines:
            raise self._bad(number, f"has image {row.idx} again, as line {self._lines[row.idx]}")
        self._lines[row.idx] = number
        self._rows.append(row)

    def table(self) -> Table:
        if not self._rows:
            raise BadTable(f"{self._path} has no row under its header")
        if self._negative:
            self._notes.append(
                f"{len(self._negative)} rows have a class and a negative radius, the first on line "
                f"{self._negative[0]}: taken as abstentions"
            )
        self._notes += self._about_correct()
        return Table(
            path=self._path,
            rows=tuple(self._rows),
            lines=self._lines,
            notes=tuple(f"{self._path.name}: {note}" for note in self._notes),
        )

    def _present(self, fields: Sequence[str]) -> list[tuple[str, int]]:
        return [(name, at) for name, at in self._columns.items() if at < len(fields)]

    def _row(self, number: int, fields: Mapping[str, str]) -> Row:
        predict, radius = _predicted(fields["predict"]), _number(fields["radius"])
        if predict != ABSTAINED and not isfinite(radius):
            raise ValueError(f"has class {predict} with the radius {fields['radius']!r}")
        if predict != ABSTAINED and radius < 0:
            self._negative.append(number)
            predict = ABSTAINED
        label = _whole(fields["label"])
        if label < 0:  # it would be right where nothing was answered
            raise ValueError(f"has the label {label}")
        self._told_correct.append(_told(fields.get("correct", "")))
        return Row(
            idx=_whole(fields["idx"]),
            label=label,
            predict=predict,
            radius=0.0 if predict == ABSTAINED else radius,
            correct=predict == label,
            time_s=_seconds(fields.get("time", "")),
        )

    def _about_correct(self) -> list[str]:
        told, ours = self._told_correct, [int(row.correct) for row in self._rows]
        if all(value is None for value in told) or told == ours:
            return []
        if told == list(accumulate(ours)):
            return ["correct is a running count: worked out from label and predict"]
        differing = [row for row, a, b in zip(self._rows, told, ours, strict=True) if a != b]
        return [
            (
                f"correct is not label = predict on {len(differing)} rows, the first on line "
                f"{self._lines[differing[0].idx]}: worked out from these"
            )
        ]

    def _bad(self, number: int, fault: str) -> BadTable:
        return BadTable(f"{self._path} line {number} {fault}")


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise BadTable(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadTable(f"{path} is no text file") from error


def _lines(text: str) -> list[tuple[int, str]]:
    """Lines that are not blank, with their numbers."""
    numbered = enumerate(text.splitlines(), start=1)
    return [(number, line) for number, line in numbered if line.strip()]


def _columns(path: Path, number: int, header: Sequence[str]) -> dict[str, int]:
    names = [name.strip().lower() for name in header]
    columns: dict[str, int] = {}
    # A column under its own name goes before one that only means it.
    for at, name in sorted(enumerate(names), key=lambda each: each[1] in _OTHER_NAMES):
        columns.setdefault(_OTHER_NAMES.get(name, name), at)
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        raise BadTable(
            f"{path} line {number} should name the columns idx, label, predict and radius; "
            f"{', '.join(missing)} missing: {' '.join(names)[:80] or 'the file is empty'!r}"
        )
    return columns


def _predicted(text: str) -> int:
    predict = ABSTAINED if text.lower() in _ABSTENTIONS else _whole(text)
    if predict < ABSTAINED:
        raise ValueError(f"has the class {predict}")
    return predict


def _whole(text: str) -> int:
    """Also one that a spreadsheet or a data frame wrote with a decimal point."""
    value = float(text)
    if not value.is_integer():
        raise ValueError(f"has {text!r} where a whole number should be")
    return int(value)


def _number(text: str) -> float:
    return float(text) if text else float("nan")


def _told(text: str) -> int | None:
    word = text.lower()
    try:
        return _TRUTH[word] if word in _TRUTH else round(float(word))
    except (ValueError, OverflowError):
        return None


def _seconds(text: str) -> float:
    """Times are of no consequence, so one that cannot be read is 0."""
    try:
        return parse_clock(text)
    except ValueError:
        return 0.0
