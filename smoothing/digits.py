"""Numbers in words and commands."""

from math import ceil, floor


def plain(value: float) -> str:
    """A number with all its digits, and no ".0"; read back it is the same.

    Rounded, a probability would claim too much, and a noise level be another one.
    """
    return repr(float(value)).removesuffix(".0")


def unrounded(radius: float) -> str:
    """A radius with six decimals, or all that it has: mode decide may be asked about any.

    Rounded, it could claim too much, and be another one where a table is read again.
    """
    padded = f"{radius:.6f}"
    return padded if float(padded) == radius else plain(radius)


def percent_interval(low: float, high: float) -> str:
    """A confidence interval of a share, in percent; its ends are rounded outwards."""
    return f"{floor(1e3 * low) / 10:.1f} to {ceil(1e3 * high) / 10:.1f} %"
