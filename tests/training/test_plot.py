"""Curves as they are drawn."""

from pathlib import Path

import pytest
from matplotlib.axes import Axes
from PIL import Image

from training.evaluation.plot import Curve, draw_curves, figure_of
from training.evaluation.summary import steps
from training.evaluation.table import Row

ROWS = [
    Row(idx=i, label=0, predict=0, radius=radius, correct=True, time_s=0.0)
    for i, radius in enumerate((0.1, 0.3, 0.3, 0.6))
]


CURVES = (
    Curve(name="one", points=steps(ROWS), ceiling=0.8),
    Curve(name="best", points=steps(ROWS), thick=True),
)


@pytest.fixture
def axes() -> Axes:
    return figure_of(CURVES).axes[0]


def test_a_curve_falls_right_after_the_radius_of_an_image(axes: Axes):
    line = axes.get_lines()[0]

    points = list(zip(*line.get_data(), strict=True))
    assert line.get_drawstyle() == "steps-pre"
    assert points[:4] == [(0.0, 1.0), (0.1, 1.0), (0.3, 0.75), (0.6, 0.25)]
    assert points[4:] == [(0.6, 0.0), (pytest.approx(0.84), 0.0)]


def test_the_ceiling_and_the_envelope_are_lines_of_their_own(axes: Axes):
    labels = [line.get_label() for line in axes.get_lines()]

    assert labels == ["one", "ceiling", "best"]
    assert list(axes.get_lines()[1].get_xdata()) == [0.8, 0.8]


def test_the_file_is_a_png_and_nothing_is_left_beside_it(tmp_path: Path):
    draw_curves(CURVES, tmp_path / "x.png")

    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]
    with Image.open(tmp_path / "x.png") as image:
        assert image.format == "PNG"
