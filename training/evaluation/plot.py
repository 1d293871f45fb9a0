"""Curves of certified accuracy against the radius, as PNG."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from smoothing.accuracy import CertifiedAccuracy
from training.engine.disk import PICTURE_BYTES, written_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DOTS_PER_INCH = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A line of the plot.

    Attributes:
        name: For the legend.
        points: Rising radii from 0; each holds from the one before it, excluded.
        ceiling: Radius beyond which nothing could be certified; None where it is not known.
        thick: Drawn over the others in black, without its interval.
    """

    name: str
    points: tuple[CertifiedAccuracy, ...]
    ceiling: float | None = None
    thick: bool = False


def draw_curves(curves: Sequence[Curve], path: Path, *, title: str = "") -> None:
    """Writes `figure_of` the curves as PNG.

    Raises:
        DiskFull: There is no room.
    """
    with written_whole(path, needed=PICTURE_BYTES) as partial:
        figure_of(curves, title=title).savefig(partial, format="png", dpi=DOTS_PER_INCH)


def figure_of(curves: Sequence[Curve], *, title: str = "") -> "Figure":
    """Step functions with bands of their exact 95 % intervals."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow, and without pyplot's global state

    figure = Figure(figsize=(7.0, 4.5), layout="constrained")
    axes = figure.add_subplot()
    ends = [curve.ceiling or curve.points[-1].radius for curve in curves]
    right = 1.05 * max(*ends, 0.1)
    thin = [curve for curve in curves if not curve.thick]
    for number, curve in enumerate(thin):
        _draw(axes, curve, f"C{number % 10}", right)
    for number, curve in enumerate(curve for curve in curves if curve.thick):
        axes.step(
            *_line(curve, right),
            where="pre",
            color="black",
            linestyle=("--", ":", "-.")[number % 3],
            label=curve.name,
        )
    axes.set(xlabel="L2 radius, in units of a [0, 1] pixel", ylabel="certified accuracy")
    axes.set(xlim=(0, right), ylim=(0, 1), title=title)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def _draw(axes: "Axes", curve: Curve, colour: str, right: float) -> None:
    axes.step(*_line(curve, right), where="pre", color=colour, label=curve.name)
    radii = [point.radius for point in curve.points]
    low, high = [point.low for point in curve.points], [point.high for point in curve.points]
    axes.fill_between(radii, low, high, step="pre", color=colour, alpha=0.15, linewidth=0)
    if curve.ceiling is not None:
        axes.axvline(curve.ceiling, color=colour, linestyle=":", label="ceiling")


def _line(curve: Curve, right: float) -> tuple[list[float], list[float]]:
    radii = [point.radius for point in curve.points]
    heights = [point.accuracy for point in curve.points]
    # Beyond the last right image no more is certified.
    return [*radii, radii[-1], right], [*heights, 0.0, 0.0]
