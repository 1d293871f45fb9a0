"""The curve of certified accuracy as an SVG picture, made by hand.

Only attributes give it its looks: the service's content policy allows it no style sheet.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from app.evaluations.figures import Figures
from smoothing.accuracy import CertifiedAccuracy, ceiling_of, share
from smoothing.digits import percent_interval, plain
from smoothing.params import SmoothingParams

WIDTH, HEIGHT = 720, 440
LEFT, RIGHT, TOP, BOTTOM = 76, 24, 56, 64
INK, FAINT, BLUE = "#1b1b1b", "#c9c9c9", "#0b57a4"
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0)
_MOST_TICKS = 9
_SVG = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
    f'height="{HEIGHT}" role="img" aria-labelledby="title desc" font-family="sans-serif" '
    f'font-size="14" fill="{INK}">'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """Where values are on the picture.

    Attributes:
        last: Radius at the right edge.
    """

    last: float

    def x(self, radius: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * radius / self.last

    def y(self, share: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - share)


def plot(
    figures: Figures | None, params: SmoothingParams, *, name: str, model: str, provisional: bool
) -> str:
    """The picture.

    Args:
        figures: Of the images that have a certificate; None where none has.
        params: Of the certificates.
        name: Of the evaluation; "" for none.
        model: Name of the base classifier.
        provisional: Whether images are still to come.
    """
    ceiling = ceiling_of(params)
    points = _points(figures, ceiling)
    last = max(1.05 * max(ceiling, points[-1].radius if points else 0.0), 0.1)
    frame = _Frame(last=last)
    title = name or f"Certified accuracy of {model}"
    described = described_by(figures, params, model, provisional=provisional)
    parts = [
        _SVG,
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="desc">{escape(described)}</desc>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(LEFT, 20, title[:70], size=17),
        _text(LEFT, 36, _question(params, model), size=12),
        _text(LEFT, 50, _sample(figures, provisional=provisional), size=12),
        *_axes(frame),
        *_curve(frame, points),
        *_ceiling(frame, ceiling),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _points(figures: Figures | None, ceiling: float) -> tuple[CertifiedAccuracy, ...]:
    """The curve; from the largest right radius to the ceiling no image is left, as it happened."""
    if figures is None:
        return ()
    if ceiling <= figures.steps[-1].radius:
        return figures.steps
    return (*figures.steps, share(0, figures.num_images, radius=ceiling))


def described_by(
    figures: Figures | None, params: SmoothingParams, model: str, *, provisional: bool
) -> str:
    """What the picture shows, in words, for those who do not see it."""
    if figures is None:
        return f"No image has a result under model {model} and sigma {plain(params.sigma)} yet."
    points = "; ".join(
        f"{100 * point.accuracy:.1f} % at radius {plain(point.radius)} "
        f"(95 % interval {percent_interval(point.low, point.high)})"
        for point in figures.curve
    )
    so_far = " so far" if provisional else ""
    return (
        f"Share of {figures.num_images} images{so_far} that model {model} under noise of sigma "
        f"{plain(params.sigma)} classifies right and certified{_heuristically(params)}, by L2 "
        f"radius: {points}. No radius above {plain(ceiling_of(params))} can come out."
    )


def _question(params: SmoothingParams, model: str) -> str:
    return (
        f"{model}, sigma {plain(params.sigma)}, {params.mode}{_heuristically(params)}, "
        f"alpha {plain(params.alpha)}"
    )


def _sample(figures: Figures | None, *, provisional: bool) -> str:
    count = 0 if figures is None else figures.num_images
    so_far = " so far" if provisional else ""
    return f"{count} images{so_far}, with exact 95 % intervals"


def _heuristically(params: SmoothingParams) -> str:
    return "" if params.total_variation else " (heuristic: fast numerics)"


def _text(x: float, y: float, words: str, *, size: int = 14, anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">'
        f"{escape(words)}</text>"
    )


def _line(x: float, y: float, to_x: float, to_y: float, colour: str, dashes: str = "") -> str:
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (
        f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}" '
        f'stroke="{colour}"{dashed}/>'
    )


def _axes(frame: _Frame) -> list[str]:
    parts: list[str] = []
    for tenths in range(0, 11, 2):
        y = frame.y(tenths / 10)
        parts += [_line(LEFT, y, WIDTH - RIGHT, y, FAINT if tenths else INK)]
        parts += [_text(LEFT - 8, y + 5, f"{10 * tenths} %", size=13, anchor="end")]
    step = next((step for step in _STEPS if frame.last / step <= _MOST_TICKS), frame.last)
    for number in range(math.floor(frame.last / step) + 1):
        x = frame.x(number * step)
        parts += [_line(x, frame.y(0), x, frame.y(0) + 5, INK)]
        parts += [_text(x, frame.y(0) + 21, f"{number * step:g}", size=13, anchor="middle")]
    middle, upright = (LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2
    turned = f'transform="translate(20 {upright:.1f}) rotate(-90)" text-anchor="middle"'
    return [
        *parts,
        _text(
            middle, HEIGHT - 16, "L2 radius, in units of a pixel scaled to 0..1", anchor="middle"
        ),
        f"<text {turned}>certified accuracy</text>",
    ]


def _curve(frame: _Frame, points: Sequence[CertifiedAccuracy]) -> list[str]:
    """A point of `points` holds from the one before it, excluded, to its own radius."""
    if not points:
        return []
    line, high, low = f"M{frame.x(0):.2f} {frame.y(points[0].accuracy):.2f}", "", ""
    for point in points:
        x = frame.x(point.radius)
        line += f"V{frame.y(point.accuracy):.2f}H{x:.2f}"
        high += f"V{frame.y(point.high):.2f}H{x:.2f}"
    low_from = [0.0, *(point.radius for point in points)]
    for point, begin in reversed(list(zip(points, low_from, strict=False))):
        low += f"V{frame.y(point.low):.2f}H{frame.x(begin):.2f}"
    line += f"V{frame.y(0):.2f}H{frame.x(frame.last):.2f}"
    first = f"M{frame.x(0):.2f} {frame.y(points[0].high):.2f}"
    return [
        f'<path d="{first}{high}{low}Z" fill="{BLUE}" fill-opacity="0.15"/>',
        f'<path d="{line}" fill="none" stroke="{BLUE}" stroke-width="2"/>',
    ]


def _ceiling(frame: _Frame, ceiling: float) -> list[str]:
    if ceiling <= 0:
        return []
    x = frame.x(ceiling)
    return [
        _line(x, frame.y(0), x, TOP, INK, "2 4"),
        _text(x - 6, TOP + 14, f"ceiling {plain(ceiling)}", size=12, anchor="end"),
    ]
