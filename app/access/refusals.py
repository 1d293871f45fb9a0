"""Whom to refuse at once: what the store refused a moment ago it would refuse again."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from app.access.errors import OverQuota
from app.access.limits import limit_headers
from app.errors import QueueFull
from app.pacing import whole_s
from jobs.answers import Submitted
from jobs.caller import Caller

HINT_S = 0.5
"""How long a refusal stands for others like it; a job may end at any moment."""

MOST_ANSWERED = 20_000
"""Requests that are remembered as answered, by 64 bits each."""


@dataclass(frozen=True, slots=True)
class _Refusal:
    until: float
    draws: int
    again: Callable[[float], Exception]


class Refusals:
    """Refusals of the last moments, so that the next costs no decoding and no look at the store.

    A caller who asks too often is refused whatever it asks. Whoever asks for too much work is
    still asked about what was answered before, since that takes no work.

    Args:
        clock: Seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rates: dict[Hashable, _Refusal] = {}
        self._work: dict[Hashable, _Refusal] = {}
        self._answered: dict[int, None] = {}

    def check(self, caller: Caller) -> None:
        """Raises what was raised for a tenant that asked too often for its quota, while that holds.

        Raises:
            OverQuota: It did.
        """
        self._raise(self._rates, (caller.tenant, caller.quota), draws=0)

    def check_work(self, caller: Caller, model: str, *, draws: int, fingerprint: int) -> None:
        """Raises what was raised for as much work a moment ago.

        Args:
            caller: Who asks.
            model: Whose queue it is.
            draws: How many it would be.
            fingerprint: Of the whole request.

        Raises:
            OverQuota: The tenant had too much, for this quota.
            QueueFull: The model had, and the tenant its part of that.
        """
        if fingerprint not in self._answered:
            self._raise(self._work, (caller.tenant, caller.quota), draws=draws)
            self._raise(self._work, (caller.tenant, model), draws=draws)

    def answered(self, fingerprint: int) -> None:
        """Notes a request that has its job: to ask again is no work."""
        self._answered[fingerprint] = None
        if len(self._answered) > MOST_ANSWERED:
            del self._answered[next(iter(self._answered))]

    def over_quota(self, caller: Caller, submitted: Submitted, *, draws: int) -> OverQuota:
        """The error for a submission that the store refused for the tenant's quota.

        Args:
            caller: Who asked.
            submitted: What the store answered.
            draws: How many were asked for.
        """
        headers = limit_headers(submitted.remaining)
        limit, allowed = submitted.limit or "", submitted.allowed or 0.0

        def error(retry_after_s: float | None) -> OverQuota:
            whole = None if retry_after_s is None else whole_s(retry_after_s)
            return OverQuota(limit=limit, allowed=allowed, retry_after_s=whole, headers=headers)

        after = submitted.retry_after_s
        if after is not None and limit == "requests_per_minute":
            # Of all limits only this one refuses whatever is asked, even what is known already.
            self._rates[caller.tenant, caller.quota] = _Refusal(self._clock() + after, 0, error)
        elif after is not None:
            least = 0 if limit == "live_jobs" else draws
            self._remember((caller.tenant, caller.quota), after, least, error)
        return error(after)

    def queue_full(
        self,
        caller: Caller,
        model: str,
        submitted: Submitted,
        *,
        draws: int,
        limits: dict[str, int],
    ) -> QueueFull:
        """The error for a submission that the store refused because the service is full.

        Args:
            caller: Who asked.
            model: Whose queue it is.
            submitted: What the store answered.
            draws: How many were asked for.
            limits: Of the service.
        """

        def error(retry_after_s: float | None) -> QueueFull:
            whole = None if retry_after_s is None else whole_s(retry_after_s)
            return QueueFull(backlog=submitted.backlog_draws, limits=limits, retry_after_s=whole)

        after = submitted.retry_after_s
        if after is not None:
            self._remember((caller.tenant, model), after, draws, error)
        return error(after)

    def _remember(
        self, whom: Hashable, after: float, draws: int, again: Callable[[float], Exception]
    ) -> None:
        # What is left to wait is told anew each time: `again` gets what remains of it.
        began = self._clock()
        self._work[whom] = _Refusal(
            began + min(HINT_S, after),
            draws,
            lambda left: again(after - (min(HINT_S, after) - left)),
        )

    def _raise(self, known: dict[Hashable, _Refusal], whom: Hashable, *, draws: int) -> None:
        refusal = known.get(whom)
        if refusal is None:
            return
        left = refusal.until - self._clock()
        if left <= 0:
            del known[whom]
        elif draws >= refusal.draws:
            raise refusal.again(left)
