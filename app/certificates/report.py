"""What came of checking a certificate, check by check."""

from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question about a certificate.

    Attributes:
        name: Stable name of the question.
        passed: The answer; None where it cannot be told from what is there.
        detail: The answer in words; what a forgery put into them moves no terminal's cursor.
    """

    name: str
    passed: bool | None
    detail: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "detail", "".join(map(_visible, self.detail)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that was asked of a certificate.

    Attributes:
        checks: In the order in which they were made, at least one.
        claim: The certificate's statement; None where it could not be read that far.
    """

    checks: tuple[Check, ...]
    claim: str | None = None

    @property
    def statement(self) -> str | None:
        """The claim, where a trusted key vouches for it and nothing is wrong; else None."""
        vouched = any(check.name == "signature" and check.passed for check in self.checks)
        return self.claim if vouched and self.outcome != "invalid" else None

    @property
    def picture_compared(self) -> bool:
        """Whether it was asked if a picture is the one that was certified."""
        return any(check.name == "upload" for check in self.checks)

    @property
    def of_another_picture(self) -> bool:
        """Whether it is genuine, and all that is wrong is the picture that was given."""
        genuine = any(check.name == "signature" and check.passed for check in self.checks)
        return genuine and [it.name for it in self.checks if it.passed is False] == ["upload"]

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


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")
