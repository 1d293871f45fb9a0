"""Numbers in words and commands."""

from decimal import ROUND_FLOOR, Decimal
from math import ceil, floor


def plain(value: float) -> str:
    """A number with all its digits, and no ".0"; read back it is the same.

    Rounded, a probability would claim too much, and a noise level be another one.
    """
    return repr(float(value)).removesuffix(".0")


def six_decimals(radius: float) -> str:
    """A radius, never rounded up: one that mode decide was asked about may have more digits."""
    return str(Decimal(repr(float(radius))).quantize(Decimal("0.000001"), ROUND_FLOOR))


def percent_interval(low: float, high: float) -> str:
    """A confidence interval of a share, in percent; its ends are rounded outwards."""
    return f"{floor(1e3 * low) / 10:.1f} to {ceil(1e3 * high) / 10:.1f} %"
