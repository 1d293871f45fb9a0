"""What a caller is told of its quota, and whom to refuse without asking the store."""

import math
import time
from collections.abc import Callable, Mapping, Sequence

from app.access.errors import OverQuota
from app.pacing import whole_s
from jobs.answers import Allowance, Submitted

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


class Refusals:
    """Tenants that ask too often, so that the next request costs no more than a look here.

    Args:
        clock: Seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, tuple[float, OverQuota]] = {}

    def check(self, tenant: str) -> None:
        """Raises what the store last raised for the tenant, while that still holds.

        Raises:
            OverQuota: It asked too often a moment ago.
        """
        known = self._known.get(tenant)
        if known is None:
            return
        until, error = known
        left = until - self._clock()
        if left <= 0:
            del self._known[tenant]
            return
        raise OverQuota(
            limit=error.limit,
            allowed=error.allowed,
            retry_after_s=math.ceil(left),
            headers=error.headers,
        )

    def over_quota(self, tenant: str, submitted: Submitted) -> OverQuota:
        """The error for a submission that the store refused for the tenant's quota."""
        retry_after_s = submitted.retry_after_s
        error = OverQuota(
            limit=submitted.limit or "",
            allowed=submitted.allowed or 0.0,
            retry_after_s=None if retry_after_s is None else whole_s(retry_after_s),
            headers=limit_headers(submitted.remaining),
        )
        # Of all limits only this one refuses whatever is asked, even what is known already.
        if submitted.limit == "requests_per_minute" and retry_after_s is not None:
            self._known[tenant] = (self._clock() + retry_after_s, error)
        return error
