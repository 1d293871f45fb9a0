"""What a caller is told of its quota."""

import math
from collections.abc import Mapping, Sequence

from jobs.answers import Allowance

WINDOWS_S: Mapping[str, int] = {"requests_per_minute": 60, "draws_per_day": 86_400}
"""The limits that time alone brings back."""


def limit_headers(remaining: Sequence[Allowance]) -> dict[str, str]:
    """The headers RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-11)."""
    if not remaining:
        return {}
    policies = [f'"{each.limit}";q={int(each.allowed)}{_window(each.limit)}' for each in remaining]
    states = [f'"{each.limit}";r={int(each.remaining)}{_reset(each)}' for each in remaining]
    return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(states)}


def _window(limit: str) -> str:
    seconds = WINDOWS_S.get(limit)
    return "" if seconds is None else f";w={seconds}"


def _reset(allowance: Allowance) -> str:
    return "" if allowance.reset_s is None else f";t={math.ceil(allowance.reset_s)}"
