"""The table of an evaluation: one tab-separated row an image, in the literature's format."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from training.errors import TableDiffers

HEADER = "idx\tlabel\tpredict\tradius\tcorrect\ttime"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What was certified of one image.

    Attributes:
        idx: Index in ImageFolder order.
        label: True class.
        predict: Certified class; -1 for an abstention.
        radius: In units of a [0, 1] pixel; 0 for an abstention.
        correct: Whether `predict` is `label`.
        time_s: Wall-clock time of the certificate.
    """

    idx: int
    label: int
    predict: int
    radius: float
    correct: bool
    time_s: float

    def line(self) -> str:
        """The row as text, without the newline. Radii come floored to 6 decimals already."""
        time = timedelta(seconds=round(self.time_s, 6))
        clock = f"{time}" if time.microseconds else f"{time}.000000"
        return (
            f"{self.idx}\t{self.label}\t{self.predict}\t{self.radius:.6f}\t"
            f"{int(self.correct)}\t{clock}"
        )


def parse_row(line: str) -> Row:
    """The row in a line.

    Raises:
        ValueError: The line is not a whole row.
    """
    idx, label, predict, radius, correct, clock = line.split("\t")
    hours, minutes, seconds = clock.split(":")
    return Row(
        idx=int(idx),
        label=int(label),
        predict=int(predict),
        radius=float(radius),
        correct=bool(int(correct)),
        time_s=int(hours) * 3600 + int(minutes) * 60 + float(seconds),
    )


def open_table(path: Path, subject: Mapping[str, Any]) -> list[Row]:
    """Starts a table, or reads the rows of a half-written one, dropping a half-written last line.

    Args:
        path: The TSV. Beside it `<path>.json` says what it is the table of.
        subject: What decides the rows, as JSON values.

    Raises:
        TableDiffers: The file is the table of something else.
    """
    about = path.with_name(f"{path.name}.json")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        about.write_text(json.dumps(subject, indent=1) + "\n")
        path.write_text(HEADER + "\n")
        return []
    _check_subject(path, about, subject)
    complete = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
    if not complete or complete[0].rstrip("\n") != HEADER:
        raise TableDiffers(f"{path} is no table of an evaluation: its header is not {HEADER!r}")
    try:
        rows = [parse_row(line) for line in complete[1:]]
    except ValueError as error:
        raise TableDiffers(f"{path} has a row that cannot be read: {error}") from error
    path.write_text("".join(complete))
    return rows


def append(path: Path, row: Row) -> None:
    """Adds a row at the end of the table."""
    with path.open("a") as file:
        file.write(row.line() + "\n")


def _check_subject(path: Path, about: Path, subject: Mapping[str, Any]) -> None:
    theirs = json.loads(about.read_text()) if about.exists() else {}
    names = sorted(n for n in subject.keys() | theirs.keys() if subject.get(n) != theirs.get(n))
    if names:
        raise TableDiffers(
            f"{path} is the table of another evaluation: {', '.join(names)} differ; "
            "choose another --table"
        )
