"""The picture of a run: its losses, its learning rate, its figures on held-out images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.engine.disk import PICTURE_BYTES, written_whole
from training.engine.records import read_losses, read_validations

CURVES = "curves.png"
SMOOTHED_OVER = 0.02


def draw_curves(out: Path, *, title: str) -> Path:
    """Draws curves.png from the records of a run; its path.

    Args:
        out: Run directory.
        title: Stands above.

    Raises:
        DiskFull: There is no room.
    """
    rows, validations = read_losses(out), read_validations(out)
    names = sorted({name for line in validations for name in line} - {"step"})
    figure = Figure(figsize=(6.4, 2.4 * (2 + len(names))), layout="constrained")
    axes = list[Axes](figure.subplots(2 + len(names), 1, sharex=True))
    figure.suptitle(title)
    steps = [row["step"] for row in rows]
    _draw_loss(axes[0], steps, [row["loss"] for row in rows])
    _draw(axes[1], steps, [row["lr_scale"] for row in rows], "share of the peak rate")
    for axis, name in zip(axes[2:], names, strict=True):
        seen = [line for line in validations if name in line]
        _draw(axis, [line["step"] for line in seen], [line[name] for line in seen], name)
        axis.lines[0].set_marker(".")
    axes[-1].set_xlabel("step")
    with written_whole(out / CURVES, needed=PICTURE_BYTES) as partial:
        figure.savefig(partial, format="png", dpi=120)
    return out / CURVES


def _draw_loss(axis: Axes, steps: Sequence[float], losses: Sequence[float]) -> None:
    _draw(axis, steps, losses, "training loss")
    width = round(SMOOTHED_OVER * len(losses))
    if width >= 2:
        axis.lines[0].set_alpha(0.3)
        smooth = np.convolve(losses, np.full(width, 1 / width), mode="valid")
        axis.plot(steps[width - 1 :], smooth, color="C0", label=f"mean of {width} rows")
        axis.legend()


def _draw(axis: Axes, x: Sequence[float], y: Sequence[float], name: str) -> None:
    axis.plot(x, y, color="C0")
    axis.set_ylabel(name)
    axis.grid(visible=True, alpha=0.3)
