"""What came of checking a certificate, check by check."""

from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question about a certificate.

    Attributes:
        name: Stable name of the question.
        passed: The answer; None where it cannot be told from what is there.
        detail: The answer in words.
    """

    name: str
    passed: bool | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that was asked of a certificate.

    Attributes:
        checks: In the order in which they were made, at least one.
        statement: What the certificate claims; None where it could not be read that far.
    """

    checks: tuple[Check, ...]
    statement: str | None = None

    @property
    def outcome(self) -> Literal["valid", "invalid", "unchecked"]:
        """invalid: something is wrong; unchecked: nothing is, and something could not be told."""
        answers = {check.passed for check in self.checks}
        if False in answers:
            return "invalid"
        return "unchecked" if None in answers else "valid"

    def as_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "outcome": self.outcome,
            "statement": self.statement,
            "checks": [asdict(check) for check in self.checks],
        }
