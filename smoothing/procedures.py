"""Procedures: pure state machines that turn votes into more draws, or into a certificate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from smoothing.bounds import certified_radius, lower_confidence_bound, radius_ceiling
from smoothing.certificate import Certificate, Mode, Phase, SmoothingParams, Tally, Votes
from smoothing.errors import InvalidCounts, InvalidParams


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
    certificate is verified.

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
      `step` at the end of each range, and there it stops or asks for the next. Its bound
      must hold at every look, and be a function of the present prefix alone, so that the
      final tally verifies. `draws_planned` may shrink or grow from look to look.
      `interim` is None: its answer is a yes or a no, given once.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedProcedure:
    """Algorithm CERTIFY: n0 draws select the class, n fresh draws bound its probability.

    Attributes:
        params: n0, n, alpha and sigma of the certificate.
        num_classes: The number of classes that are voted on.

    Source:
        Cohen et al. (2019), section 3.2.2, algorithm CERTIFY.
    """

    params: SmoothingParams
    num_classes: int

    def step(self, tally: Tally) -> DrawMore | Certificate:
        """All of selection, then all of estimation, then the certificate.

        When every selection draw was invalid there is no class to estimate, and the
        abstention comes at once.

        Raises:
            InvalidCounts: More votes than asked for, estimation before selection was
                complete, or another number of classes.
        """
        selection, estimation = self._votes(tally)
        if selection.total < self.params.n0:
            return DrawMore(phase=Phase.SELECTION, start=selection.total, stop=self.params.n0)
        if selection.leader is not None and estimation.total < self.params.n:
            return DrawMore(phase=Phase.ESTIMATION, start=estimation.total, stop=self.params.n)
        return self._certificate(selection, estimation)

    def draws_planned(self, tally: Tally) -> int:
        """n0 + n; only n0 when there is no class to estimate."""
        selection, _ = self._votes(tally)
        return self.params.n0 + self._estimation_draws(selection)

    def interim(self, tally: Tally) -> Certificate | None:  # noqa: ARG002 - no look is early enough
        """None: looking at a bound for fixed n before the end would break it."""
        return None

    def _votes(self, tally: Tally) -> tuple[Votes, Votes]:
        selection = tally.get(Phase.SELECTION, Votes.none(self.num_classes))
        estimation = tally.get(Phase.ESTIMATION, Votes.none(self.num_classes))
        for votes in (selection, estimation):
            if len(votes.counts) != self.num_classes:
                message = f"votes for {len(votes.counts)} classes, expected {self.num_classes}"
                raise InvalidCounts(message)
        if selection.total > self.params.n0:
            raise InvalidCounts(f"{selection.total} selection votes, n0 is {self.params.n0}")
        allowed = self._estimation_draws(selection) if selection.total == self.params.n0 else 0
        if estimation.total > allowed:
            raise InvalidCounts(
                f"{estimation.total} estimation votes, at most {allowed} were asked for "
                f"after {selection.total} of n0={self.params.n0} selection votes"
            )
        return selection, estimation

    def _estimation_draws(self, selection: Votes) -> int:
        hopeless = selection.total == self.params.n0 and selection.leader is None
        return 0 if hopeless else self.params.n

    def _certificate(self, selection: Votes, estimation: Votes) -> Certificate:
        params, selected = self.params, selection.leader
        p_lower = 0.0
        if selected is not None:
            hits = estimation.counts[selected]
            p_lower = lower_confidence_bound(hits, estimation.total, alpha=params.alpha)
        p_sound = max(p_lower - params.total_variation, 0.0)
        return Certificate(
            predicted=selected if p_sound > 0.5 else None,
            radius=certified_radius(p_sound, sigma=params.sigma),
            radius_ceiling=radius_ceiling(
                params.n,
                alpha=params.alpha,
                sigma=params.sigma,
                total_variation=params.total_variation,
            ),
            p_lower=p_lower,
            p_runner_up_upper=None,
            selected=selected,
            tally={Phase.SELECTION: selection, Phase.ESTIMATION: estimation},
            params=params,
        )


_PROCEDURES: Mapping[Mode, type[FixedProcedure]] = {"fixed": FixedProcedure}


def procedure_for(params: SmoothingParams, num_classes: int) -> Procedure:
    """The procedure of a mode: the only place that tells modes apart.

    Raises:
        InvalidParams: `num_classes` is less than 2, where there is nothing to certify.
    """
    if num_classes < 2:
        message = f"num_classes must be at least 2, got {num_classes}"
        raise InvalidParams(message, field="num_classes")
    return _PROCEDURES[params.mode](params=params, num_classes=num_classes)
