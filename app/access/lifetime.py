"""How long an API key lives, as people write it."""

import re
from datetime import UTC, datetime

_UNITS_S = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LAST = datetime(9999, 1, 1, tzinfo=UTC).timestamp()
_SPAN = re.compile(r"(\d{1,6})([mhdw])")


def expiry(text: str, *, now: float) -> float:
    """When a key expires, seconds since 1970.

    Args:
        text: A span such as `90d`, or a date or time in ISO 8601 (UTC where it names no zone).
        now: Current time, seconds since 1970.

    Raises:
        ValueError: It is neither, or not in the future, or beyond all dates.
    """
    span = _SPAN.fullmatch(text)
    if span:
        at = now + int(span[1]) * _UNITS_S[span[2]]
    else:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise ValueError(
                f"{text!r} is neither a span (30m, 12h, 90d, 52w) nor a date (2030-01-31)"
            ) from error
        at = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if at <= now:
        raise ValueError(f"{text!r} is not in the future")
    if at >= _LAST:
        raise ValueError(f"{text!r} ends after the year 9998")
    return at
