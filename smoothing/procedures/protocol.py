"""What all procedures have in common: what they ask for, and what they look like."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from smoothing.certificate import Certificate
from smoothing.errors import InvalidCounts, InvalidParams
from smoothing.params import SmoothingParams
from smoothing.votes import Phase, Tally, Votes


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawMore:
    """A request for the draws [start, stop) of one phase.

    Raises:
        InvalidParams: The range is empty or starts below 0.
    """

    phase: Phase
    start: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.stop:
            message = f"a range needs 0 <= start < stop, got [{self.start}, {self.stop})"
            raise InvalidParams(message, field="start")

    @property
    def num_draws(self) -> int:
        """How many draws are asked for."""
        return self.stop - self.start


@runtime_checkable
class Procedure(Protocol):
    """What every mode looks like to those who draw.

    A procedure holds no state: all it knows is the tally, which is for each phase the votes
    over the contiguous prefix [0, votes.total) of draw indices. Never over the draws that
    happened to arrive first: their arrival may depend on their votes. So any process can
    take over at any time, and a finished tally gives its certificate again, which is how a
    certificate is verified (see `replay`).

    How each kind uses the three calls:

    * *Fixed* asks for all of selection, then all of estimation. It answers only at the
      end; a partial look is no claim, so `interim` is None.
    * *Plan-then-bound* (adaptive) uses selection as its pilot, in growing ranges. Once the
      pilot is large enough for the plan it makes, it asks for the planned range of fresh
      estimation draws. The plan is computed again from the selection votes at each step,
      never from estimation votes, so the bound on these keeps its exact coverage.
      `draws_planned` is the most it may need until there is a pilot, then the plan.
      `interim` is None.
    * *Sequential* (decide) looks early by asking for short ranges: whoever draws calls
      `step` at the end of each range, and there it stops or asks for the next. Where the ranges
      end follows from the parameters alone. Its bound must hold at every look, and be a function
      of the present prefix alone, so that the final tally verifies. `draws_planned` may shrink or
      grow from look to look. `interim` is None: its answer is a yes or a no, given once.
    * *Anytime* may ask for its whole range at once. Its bound holds at all times together,
      so `interim` may be called on any prefix, as often as wanted, by whoever shows
      progress; a job that is cancelled or out of time ends with the last one.
    """

    @property
    def params(self) -> SmoothingParams:
        """The parameters of the certificate to come."""
        ...

    @property
    def num_classes(self) -> int:
        """The number of classes that are voted on."""
        ...

    def step(self, tally: Tally) -> DrawMore | Certificate:
        """The next range to draw, or the certificate. Pure: equal tallies, equal answers.

        Called first with an empty tally, then whenever the last range is complete. Called
        with part of a range, it asks for the rest of it.

        Raises:
            InvalidCounts: No run of this procedure leads to this tally.
        """
        ...

    def draws_planned(self, tally: Tally) -> int:
        """All draws, past and future, that the certificate is now expected to need."""
        ...

    def interim(self, tally: Tally) -> Certificate | None:
        """A certificate that is valid now, whenever now is; None where there is none."""
        ...


def votes_of(tally: Tally, phase: Phase, *, num_classes: int, most: int) -> Votes:
    """The votes of a phase, of which there may be so many.

    Raises:
        InvalidCounts: There are more, or they are for another number of classes.
    """
    votes = tally.get(phase, Votes.none(num_classes))
    if len(votes.counts) != num_classes:
        raise InvalidCounts(f"votes for {len(votes.counts)} classes, expected {num_classes}")
    if votes.total > most:
        raise InvalidCounts(f"{votes.total} {phase} votes, at most {most} were asked for")
    return votes


def estimation_alone(tally: Tally, *, num_classes: int, most: int) -> Votes:
    """The estimation votes of a procedure that selects no class beforehand.

    Raises:
        InvalidCounts: There are selection votes, or too many, or for another number of classes.
    """
    votes_of(tally, Phase.SELECTION, num_classes=num_classes, most=0)
    return votes_of(tally, Phase.ESTIMATION, num_classes=num_classes, most=most)
