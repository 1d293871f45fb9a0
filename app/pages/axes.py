"""Where things are in a figure: shares of its width and height, in percent."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

MOST_STEPS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A labelled place on an axis; `at` is in percent from the left, or from the top."""

    at: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A range of values along one side of a figure.

    Attributes:
        low: Value at its begin.
        high: Value at its end, above `low`.
        logarithmic: Whether equal ratios are equally far apart.
    """

    low: float
    high: float
    logarithmic: bool = False

    def across(self, value: float) -> float:
        """How far from the left a value is, in percent; outside the range, at its edge."""
        low, high, value = self.low, self.high, min(max(value, self.low), self.high)
        if self.logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return round(100 * (value - low) / (high - low), 2)

    def down(self, value: float) -> float:
        """How far from the top a value is, in percent."""
        return round(100 - self.across(value), 2)


def round_steps(high: float) -> list[float]:
    """Multiples of 1, 2, 2.5 or 5 times a power of ten, from 0 to the first at or above `high`."""
    power = 10.0 ** math.floor(math.log10(high / MOST_STEPS))
    step = next(step * power for step in (1, 2, 2.5, 5, 10) if step * power * MOST_STEPS >= high)
    return [round(step * i, 10) for i in range(math.ceil(high / step - 1e-9) + 1)]


def line(points: Sequence[tuple[float, float]]) -> str:
    """An SVG path through points, in percent."""
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
