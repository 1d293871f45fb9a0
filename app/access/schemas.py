"""What goes over HTTP about callers, as pydantic models."""

from pydantic import Field

from app.bodies import Body
from jobs.answers import Allowance


class LimitBody(Body):
    """One limit of a quota."""

    limit: str = Field(examples=["draws_queued"])
    allowed: float
    remaining: float
    reset_s: float | None = Field(
        description="Seconds until all of it is there again, where time alone brings it back."
    )

    @classmethod
    def of(cls, allowance: Allowance) -> "LimitBody":
        """The body for a limit as the store tells it."""
        return cls(
            limit=allowance.limit,
            allowed=allowance.allowed,
            remaining=allowance.remaining,
            reset_s=None if allowance.reset_s is None else round(allowance.reset_s, 1),
        )


class QuotaBody(Body):
    """A caller, and its quota."""

    tenant: str = Field(description="Whose jobs you see.")
    key: str | None = Field(description="Id of your API key; null without one.")
    name: str
    scopes: list[str]
    weight: float = Field(description="Your share of the workers beside tenants of weight 1.")
    limits: list[LimitBody]
