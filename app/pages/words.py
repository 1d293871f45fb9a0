"""Numbers as people read them. A lower bound is never rounded up, a chance of error never down."""

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

from jobs.record import JobState

STATES = {
    JobState.QUEUED: "Waiting",
    JobState.RUNNING: "Running",
    JobState.SUCCEEDED: "Finished",
    JobState.FAILED: "Failed",
    JobState.CANCELLED: "Cancelled",
    JobState.EXPIRED: "Out of time",
}

MOST_DIGITS = 9


def whole(number: float) -> str:
    """A count with commas between thousands."""
    return f"{round(number):,}"


def floored(number: float, digits: int = 4) -> str:
    """A bound from below, cut to some decimals, or to the first that is not 0; never rounded up."""
    while 0 < number < 10**-digits and digits < MOST_DIGITS:
        digits += 1
    return f"{Decimal(repr(float(number))).quantize(Decimal(1).scaleb(-digits), ROUND_FLOOR):f}"


def share(part: float, digits: int = 1) -> str:
    """A share as a percentage."""
    return f"{100 * part:.{digits}f} %"


def chance(alpha: float) -> str:
    """The probability of being wrong as a percentage: six digits at most, never rounded down."""
    six_digits = Context(prec=6, rounding=ROUND_CEILING)
    return f"{six_digits.create_decimal(100 * Decimal(repr(alpha))).normalize():f} %"


def duration(seconds: float) -> str:
    """About how long, in one or two units; the script of the page says the same."""
    if seconds < 1:
        return "under a second"
    if seconds < 59.5:
        return f"{_nearest(seconds)} s"
    if seconds < 599.5:
        minutes, rest = divmod(_nearest(seconds), 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    if seconds < 3_570:
        return f"{_nearest(seconds / 60)} min"
    hours, minutes = divmod(_nearest(seconds / 60), 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def _nearest(number: float) -> int:
    return math.floor(number + 0.5)


def size(num_bytes: int) -> str:
    """A length of a file."""
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if num_bytes >= unit:
            return f"{num_bytes / unit:.3g} {name}"
    return f"{num_bytes} bytes"
