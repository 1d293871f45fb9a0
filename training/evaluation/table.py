"""The table of an evaluation: one tab-separated row an image, in the literature's format."""

from dataclasses import dataclass
from math import isfinite

from smoothing.digits import unrounded

COLUMNS = ("idx", "label", "predict", "radius", "correct", "time")
HEADER = "\t".join(COLUMNS)
ABSTAINED = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What was certified of one image.

    Attributes:
        idx: Index in the data set's order.
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
        """The row as text, without the newline."""
        return (
            f"{self.idx}\t{self.label}\t{self.predict}\t{unrounded(self.radius)}\t"
            f"{int(self.correct)}\t{_clock(self.time_s)}"
        )


def parse_row(line: str) -> Row:
    """The row in a line that `Row.line` wrote.

    Raises:
        ValueError: The line is not a whole row, or its numbers contradict each other.
    """
    idx, label, predict, radius, correct, clock = line.split("\t")
    row = Row(
        idx=int(idx),
        label=int(label),
        predict=int(predict),
        radius=float(radius),
        correct=bool(int(correct)),
        time_s=parse_clock(clock),
    )
    if row.idx < 0 or row.label < 0 or row.predict < ABSTAINED:
        raise ValueError(f"idx and label must be at least 0, predict at least -1: {line!r}")
    if not (isfinite(row.radius) and row.radius >= 0):
        raise ValueError(f"the radius must be a number of at least 0, got {radius}")
    if row.correct != (row.predict == row.label):
        raise ValueError(f"correct is {correct}, label {label} and predict {predict}")
    return row


def parse_clock(text: str) -> float:
    """Seconds of a time as h:m:s, with days before it where Python's timedelta writes them.

    Raises:
        ValueError: The text is no such time, and no number of seconds either.
    """
    days, _, clock = text.rpartition("day")
    hours, minutes, seconds = ["0", "0", *clock.lstrip("s, ").split(":")][-3:]
    whole_days = int(days) if days else 0
    return (24 * whole_days + int(hours)) * 3600 + int(minutes) * 60 + float(seconds)


def _clock(seconds: float) -> str:
    minutes, microseconds = divmod(round(seconds * 1e6), 60_000_000)
    return f"{minutes // 60}:{minutes % 60:02d}:{microseconds / 1e6:09.6f}"
