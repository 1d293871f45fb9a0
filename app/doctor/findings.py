"""What a check comes to."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: Of the check.
        level: "warn": it works, and not as well as it should. "fail": it does not.
        found: What there is.
        fix: What to do about it; None where it is as it should be.
    """

    name: str
    level: Level
    found: str
    fix: str | None = None

    def body(self) -> Mapping[str, str | None]:
        """As JSON."""
        return asdict(self)


Findings = Iterator[Finding]


def ok(name: str, found: str) -> Finding:
    """As it should be."""
    return Finding(name=name, level="ok", found=found)


def warn(name: str, found: str, fix: str) -> Finding:
    """It works, and not as well as it should."""
    return Finding(name=name, level="warn", found=found, fix=fix)


def fail(name: str, found: str, fix: str) -> Finding:
    """It does not work."""
    return Finding(name=name, level="fail", found=found, fix=fix)
