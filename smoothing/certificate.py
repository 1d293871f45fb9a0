"""What a certificate is: the parameters, the votes, and what was proved from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import floor, isfinite
from typing import Literal, get_args

from smoothing.bounds import minimum_draws
from smoothing.errors import InvalidCounts, InvalidParams

Mode = Literal["fixed"]
"""How many draws, and when they are looked at; see `smoothing.procedures`."""

Numerics = Literal["sound", "fast"]
"""How noise is drawn and added; see `smoothing.noise`. "fast" is labelled heuristic."""

Bound = Literal["top"]
"""Which probabilities are bounded: "top" takes the runner-up's as one minus the top's."""

AbstentionReason = Literal["no_majority", "too_few_draws", "unstable_selection"]

TOTAL_VARIATION: Mapping[Numerics, float] = {"sound": 1e-7, "fast": 0.0}
"""Distance in total variation of one draw's noise from the ideal law, subtracted from
`p_lower` before the radius. Proved for "sound"; for "fast" nothing is known, so nothing
is subtracted, and the certificate is heuristic."""

MAX_DRAWS = 1_000_000
"""The most draws a phase may ask for."""

MAX_SIGMA = 10.0
MIN_ALPHA = 1e-9
"""Below this the arithmetic of the bound is no longer good enough to claim it."""

MAX_ALPHA = 0.5
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
class SmoothingParams:
    """What a certificate is computed with. Two equal values give comparable radii.

    Attributes:
        sigma: Standard deviation of the noise, in units of a [0, 1] pixel; in (0, 10].
        mode: Which procedure draws and decides.
        n0: Draws that select the class; in [1, 1,000,000].
        n: Draws that bound the class's probability, none shared with `n0`; at most
            1,000,000, and enough that a certificate is possible at all.
        alpha: Probability that the certificate is wrong; in [1e-9, 0.5].
        numerics: How noise is drawn and added.
        bound: Which probabilities are bounded.

    Raises:
        InvalidParams: A value is out of its range; `.field` names it.
    """

    sigma: float
    mode: Mode = "fixed"
    n0: int = 100
    n: int = 10_000
    alpha: float = 0.001
    numerics: Numerics = "sound"
    bound: Bound = "top"

    def __post_init__(self) -> None:
        # 1 and 1.0 are one request: the digest of the parameters must not tell them apart.
        object.__setattr__(self, "sigma", _number(self.sigma, "sigma", MAX_SIGMA))
        object.__setattr__(self, "alpha", _number(self.alpha, "alpha", MAX_ALPHA))
        if self.alpha < MIN_ALPHA:
            message = f"alpha must be at least {MIN_ALPHA:g}, got {self.alpha!r}"
            raise InvalidParams(message, field="alpha")
        _check_draws(self.n0, "n0")
        _check_draws(self.n, "n")
        _check_choice(self.mode, "mode", get_args(Mode))
        _check_choice(self.numerics, "numerics", get_args(Numerics))
        _check_choice(self.bound, "bound", get_args(Bound))
        fewest = minimum_draws(self.alpha, total_variation=self.total_variation)
        if self.n < fewest:
            raise InvalidParams(
                f"n must be at least {fewest} at alpha={self.alpha}, got {self.n}: "
                f"with fewer draws every answer is an abstention",
                field="n",
            )

    @property
    def total_variation(self) -> float:
        """What the numerics cost: subtracted from `p_lower` before the radius."""
        return TOTAL_VARIATION[self.numerics]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What was proved about one image, or that nothing was.

    With probability at least 1 - alpha over the noise, every image within L2 distance
    `radius` is given the class `predicted` by the smoothed classifier.

    Attributes:
        predicted: Index of the certified class; None for an abstention.
        radius: Certified L2 radius in units of a [0, 1] pixel; 0.0 for an abstention.
        radius_ceiling: The most that these parameters could have given.
        p_lower: Plain confidence bound on the selected class's probability (pABar in the
            paper); the radius follows from it less the numerics' total variation.
        p_runner_up_upper: Upper bound on any other class's probability; None where it was
            not bounded by itself.
        selected: The class that the bound is about; None when every selection draw was
            invalid.
        tally: All votes the certificate rests on.
        params: The parameters it holds for.
    """

    predicted: int | None
    radius: float
    radius_ceiling: float
    p_lower: float
    p_runner_up_upper: float | None
    selected: int | None
    tally: Tally
    params: SmoothingParams

    @property
    def abstained(self) -> bool:
        """Whether no class could be certified. An abstention is final, never tried again."""
        return self.predicted is None

    @property
    def abstention_reason(self) -> AbstentionReason | None:
        """Why no class was certified; None when one was.

        * "unstable_selection": the bound was about one class, while another got more than
          half of the estimation draws.
        * "too_few_draws": the selected class got more than half of the estimation draws,
          but too few of them to be sure of its majority.
        * "no_majority": no class got more than half of the estimation draws.
        """
        if not self.abstained:
            return None
        votes = self.tally.get(Phase.ESTIMATION)
        if votes is None or 2 * max(votes.counts) <= votes.total:
            return "no_majority"
        return "too_few_draws" if votes.leader == self.selected else "unstable_selection"

    @property
    def abstention_explanation(self) -> str | None:
        """The reason in words with its numbers; None when a class was certified."""
        reason = self.abstention_reason
        if reason is None:
            return None
        votes = self.tally.get(Phase.ESTIMATION)
        if self.selected is None or votes is None or votes.leader is None:
            return "Every draw that was looked at gave logits that are not finite."
        leading = f"class {votes.leader} won {votes.counts[votes.leader]} of {votes.total} draws"
        if reason == "unstable_selection":
            return (
                f"The selection draws favoured class {self.selected}, but {leading}: "
                f"too close to call with n0={self.params.n0}."
            )
        if reason == "too_few_draws":
            known = floor(self.p_lower * 1e4) / 1e4
            return (
                f"Though {leading}, its probability is only known to exceed "
                f"{known:.4f} at alpha={self.params.alpha}, and must exceed 1/2."
            )
        return f"No class has a majority under this noise: {leading}."


def _number(value: float, field: str, highest: float) -> float:
    number = float(value) if _is_number(value) else float("nan")
    if not (isfinite(number) and 0 < number <= highest):
        raise InvalidParams(f"{field} must be in (0, {highest:g}], got {value!r}", field=field)
    return number


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_draws(value: object, field: str) -> None:
    if type(value) is not int or not 1 <= value <= MAX_DRAWS:
        message = f"{field} must be a whole number in [1, {MAX_DRAWS}], got {value!r}"
        raise InvalidParams(message, field=field)


def _check_choice(value: object, field: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InvalidParams(
            f"{field} must be one of {', '.join(choices)}, got {value!r}", field=field
        )
