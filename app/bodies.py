"""What all bodies of answers have in common."""

from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    """A body, or a part of one: no other members, and no number that JSON has not."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


def moment(seconds: float) -> datetime:
    """A time of day, UTC, from seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)
