"""What the store answers to the web process."""

from dataclasses import dataclass
from typing import Literal

from jobs.record import Job

Outcome = Literal["created", "joined", "cached", "replayed", "conflict", "over_quota", "full"]
Limit = Literal["live_jobs", "draws_queued", "draws_per_day", "requests_per_minute"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """One limit of a caller's quota, and where the caller stands.

    Attributes:
        limit: Its name, as in `Quota`.
        allowed: How much of it there is.
        remaining: How much of that is left now; at least 0.
        reset_s: Seconds until all of it is there again, where time alone brings it back.
    """

    limit: Limit
    allowed: float
    remaining: float
    reset_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """What became of a submission.

    Attributes:
        outcome: "created" (queued), "joined" (the tenant's identical job is in flight), "cached"
            (the tenant's job that shows the known certificate, new where there is none),
            "replayed" (the same was submitted before under this key or id), "conflict" (something
            else was), "over_quota" (refused: the caller has no more to spend) or "full" (refused:
            the model's backlog is over the limit, and the tenant has an equal part of it).
        job_id: The job to read; None when refused.
        backlog_draws: Draws outstanding for the model, this job's included when created.
        limit: Which limit of the quota refused it; None otherwise.
        allowed: What that limit is.
        retry_after_s: When refused: seconds after which it should be accepted; None where no
            waiting will help, since what is asked is more than all that is allowed.
        remaining: The limits of the caller's quota, and what is left of each.
    """

    outcome: Outcome
    job_id: str | None
    backlog_draws: int
    limit: Limit | None = None
    allowed: float | None = None
    retry_after_s: float | None = None
    remaining: tuple[Allowance, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """Work outstanding for one model: draws not yet committed, of jobs queued or running."""

    draws: int
    jobs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some of a tenant's jobs.

    Attributes:
        jobs: Newest first.
        next_cursor: Where the next page begins; None at the end.
    """

    jobs: tuple[Job, ...]
    next_cursor: str | None
