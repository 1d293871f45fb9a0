"""Votes of a base classifier: what is counted, and over which draws."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from smoothing.errors import InvalidCounts

INVALID = "invalid"
"""Key of the non-finite rows in sparse votes."""


class Phase(StrEnum):
    """Which of the two independent samples a draw belongs to. Their noise never overlaps."""

    SELECTION = "selection"
    ESTIMATION = "estimation"

    @property
    def index(self) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The phase's number in a noise address: 0 or 1; hides `str.index`, of no use here."""
        return 0 if self is Phase.SELECTION else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Votes:
    """How often each class won over a range of draws.

    Attributes:
        counts: Draws won, one entry per class.
        invalid: Draws whose logits were not all finite; a miss for every class.

    Raises:
        InvalidCounts: A count is negative, or there is no class.
    """

    counts: tuple[int, ...]
    invalid: int = 0

    def __post_init__(self) -> None:
        if not self.counts or min(*self.counts, self.invalid) < 0:
            raise InvalidCounts(
                f"counts must be at least 0 for at least 1 class, "
                f"got {self.counts} and {self.invalid} invalid"
            )

    @classmethod
    def none(cls, num_classes: int) -> "Votes":
        """No vote yet: the start of a sum."""
        return cls(counts=(0,) * num_classes)

    @classmethod
    def from_sparse(cls, sparse: Mapping[str, int], num_classes: int) -> "Votes":
        """The inverse of `sparse`.

        Raises:
            InvalidCounts: A key is neither a class below `num_classes` nor "invalid".
        """
        counts = [0] * num_classes
        for key, count in sparse.items():
            if key == INVALID:
                continue
            if not (key.isdecimal() and int(key) < num_classes):
                raise InvalidCounts(f"class must be in [0, {num_classes - 1}], got {key!r}")
            counts[int(key)] += count
        return cls(counts=tuple(counts), invalid=sparse.get(INVALID, 0))

    @property
    def total(self) -> int:
        """All draws, the invalid ones too."""
        return sum(self.counts) + self.invalid

    @property
    def leader(self) -> int | None:
        """The class with most votes, the first at a tie; None when no class has any."""
        best = max(self.counts)
        return self.counts.index(best) if best else None

    def of(self, index: int | None) -> int:
        """Votes for a class; 0 for none."""
        return 0 if index is None else self.counts[index]

    def strongest_rival(self, index: int | None) -> int:
        """The most votes that any other class has, the non-finite rows taken as one more."""
        others = (count for other, count in enumerate(self.counts) if other != index)
        return max(self.invalid, *others)

    def sparse(self) -> dict[str, int]:
        """Only what is not zero, such as `{"3": 998, "invalid": 1}`."""
        votes = {str(index): count for index, count in enumerate(self.counts) if count}
        return votes | ({INVALID: self.invalid} if self.invalid else {})

    def __add__(self, other: "Votes") -> "Votes":
        if len(self.counts) != len(other.counts):
            raise InvalidCounts(f"{len(self.counts)} classes against {len(other.counts)}")
        counts = tuple(a + b for a, b in zip(self.counts, other.counts, strict=True))
        return Votes(counts=counts, invalid=self.invalid + other.invalid)


Tally = Mapping[Phase, Votes]
"""Votes over the contiguous prefix [0, votes.total) of each phase; no entry is no vote."""
