"""Which values a parameter may have by itself, and the nearest to one that it may not have."""

from decimal import ROUND_CEILING, Decimal
from math import inf, isnan, nan

from smoothing.errors import InvalidParams
from smoothing.limits import MAX_DRAWS

LEAST_RADIUS = 1e-6
"""A radius that is asked about is rounded up to a multiple of this."""

DEFAULT_PRECISION = 0.05
_BEYOND_DECIMALS = 1e6


def number_in(value: float, field: str, highest: float, lowest: float | None = None) -> float:
    """The value as a float, if in [lowest, highest], or (0, highest] where none is the lowest.

    Raises:
        InvalidParams: It is not. To an open end no value is the nearest.
    """
    number = _as_float(value)
    if 0 < number <= highest and number >= (lowest or 0):
        return number
    allowed = f"(0, {highest:g}]" if lowest is None else f"[{lowest:g}, {highest:g}]"
    nearest = highest if number > highest else None if isnan(number) else lowest
    message = f"{field} must be in {allowed}, got {value!r}"
    raise InvalidParams(message, field=field, nearest=nearest)


def precision_in(value: float | None) -> float:
    """The value as a float, if it is in (0, 1); the default for None.

    Raises:
        InvalidParams: It is not; then the default would do.
    """
    if value is None:
        return DEFAULT_PRECISION
    number = _as_float(value)
    if not 0 < number < 1:
        message = f"precision must be in (0, 1), such as {DEFAULT_PRECISION}, got {value!r}"
        raise InvalidParams(message, field="precision", nearest=DEFAULT_PRECISION)
    return number


def radius_in(value: float | None) -> float:
    """The value rounded up to a multiple of `LEAST_RADIUS`.

    Raises:
        InvalidParams: It is not above 0, or None.
    """
    if value is None:
        raise InvalidParams("radius is required in mode decide", field="radius")
    number = _as_float(value)
    if not number > 0:
        message = f"radius must be above 0 in mode decide, got {value!r}"
        nearest = None if isnan(number) else LEAST_RADIUS
        raise InvalidParams(message, field="radius", nearest=nearest)
    if number > _BEYOND_DECIMALS:  # and above any ceiling
        return number
    return float(Decimal(repr(number)).quantize(Decimal(repr(LEAST_RADIUS)), ROUND_CEILING))


def check_draws(value: object, field: str) -> None:
    """Refuses what is no number of draws of a phase.

    Raises:
        InvalidParams: It is not in [1, 1,000,000], or not whole.
    """
    if type(value) is not int or not 1 <= value <= MAX_DRAWS:
        message = f"{field} must be a whole number in [1, {MAX_DRAWS}], got {value!r}"
        nearest = None if type(value) is not int else min(max(value, 1), MAX_DRAWS)
        raise InvalidParams(message, field=field, nearest=nearest)


def check_choice(value: object, field: str, choices: tuple[str, ...]) -> None:
    """Refuses what is none of some words.

    Raises:
        InvalidParams: It is not.
    """
    if value not in choices:
        message = f"{field} must be one of {', '.join(choices)}, got {value!r}"
        raise InvalidParams(message, field=field)


def _as_float(value: object) -> float:
    """NaN for what is no number; a whole number too large for a float is infinite."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return nan
    try:
        return float(value)
    except OverflowError:
        return inf if value > 0 else -inf
