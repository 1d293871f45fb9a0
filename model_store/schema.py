"""How the parts of a card check themselves."""

import math
from collections.abc import Sequence
from itertools import pairwise

from pydantic import ConfigDict

from model_store.errors import CardInvalid

CLOSED = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
"""For every class of a card: unknown keys and converted types are refused."""


def require(holds: bool, field: str, detail: str) -> None:  # noqa: FBT001
    """Raises CardInvalid of `field` with `detail` unless `holds`."""
    if not holds:
        raise CardInvalid(detail, field=field)


def require_positive(**values: float) -> None:
    """Raises CardInvalid for the first field that is not finite and above 0."""
    for field, value in values.items():
        require(math.isfinite(value) and value > 0, field, f"must be above 0, got {value}")


def rises(values: Sequence[float]) -> bool:
    """Whether each value is above the one before it."""
    return all(a < b for a, b in pairwise(values))
