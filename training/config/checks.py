"""Refusal of values that no run could use."""

from training.errors import BadConfig


def require(holds: bool, message: str) -> None:  # noqa: FBT001
    """Raises BadConfig with the message where the condition does not hold."""
    if not holds:
        raise BadConfig(message)
