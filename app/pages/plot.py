"""A figure and its twin, a table with the same numbers."""

from dataclasses import dataclass

from app.pages.axes import Tick


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Where this certificate is; in percent from the left and from the top."""

    x: float
    y: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Numbers as text, row by row; the first cell of a row names it."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A curve over two axes. All places are in percent.

    Attributes:
        title: What it shows, in a few words.
        reading: What a reader should take from it, in a sentence or two.
        x_label: Name of the axis below.
        y_label: Name of the axis at the left.
        x_ticks: On the axis below.
        y_ticks: On the axis at the left.
        curve: SVG path.
        dots: Places on the curve that were measured.
        mark: Where this certificate is.
        rule: Height of a line across, with its label.
        table: The twin.
    """

    title: str
    reading: str
    x_label: str
    y_label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    curve: str
    dots: tuple[tuple[float, float], ...]
    mark: Mark | None
    rule: Tick | None
    table: Table
