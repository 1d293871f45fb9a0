"""A figure and its twin, a table with the same numbers."""

from dataclasses import dataclass

from app.pages.axes import Tick


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Where this certificate is; in percent from the left and from the top.

    Attributes:
        x: From the left.
        y: From the top.
        label: Beside it.
        falling: Whether the curve falls: then there is room for the label at the top, else above
            the place.
    """

    x: float
    y: float
    label: str
    falling: bool

    @property
    def anchor(self) -> str:
        """The end of the label that is next to the place."""
        return "start" if self.x < (60 if self.falling else 25) else "end"

    @property
    def top(self) -> float:
        """Where the line from the axis to the label ends."""
        return 0.0 if self.falling else self.y

    @property
    def dy(self) -> int:
        """How far below that the label's line is, in pixels."""
        if self.falling:
            return 10
        return -12 if self.anchor == "end" or self.y > 85 else 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A line across.

    Attributes:
        at: From the top, in percent.
        label: At its right end.
        crossed: Whether the curve ends above it: then there is room for the label below.
    """

    at: float
    label: str
    crossed: bool


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
        rule: Line across.
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
    rule: Rule | None
    table: Table
