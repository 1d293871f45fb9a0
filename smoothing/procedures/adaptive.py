"""Mode adaptive: the class and its radius, with no more draws than the precision needs."""

from dataclasses import dataclass

from smoothing.certificate import Certificate
from smoothing.params import PILOT_DRAWS, SmoothingParams
from smoothing.procedures.planning import (
    PILOT_SHARE,
    hopeless,
    pilot_sizes,
    planned_draws,
)
from smoothing.procedures.proof import Proof, certificate, prove_from_fresh
from smoothing.procedures.protocol import DrawMore, votes_of
from smoothing.votes import Phase, Tally, Votes


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptiveProcedure:
    """A pilot chooses the class and plans how many fresh draws bound its probability.

    The plan is a function of the pilot's votes alone, and no vote is in both: given the pilot,
    class and number are fixed before the first draw that counts, so the bound is as exact as with
    a number fixed by hand, and no alpha is spent on planning. To give up can only abstain.

    Attributes:
        params: n (the most to draw), precision, alpha, bound and sigma of the certificate.
        num_classes: The number of classes that are voted on.
    """

    params: SmoothingParams
    num_classes: int

    def step(self, tally: Tally) -> DrawMore | Certificate:
        """A pilot that grows until it can plan, then what it planned, then the certificate.

        A pilot that leaves next to no radius, even if it is read hopefully, is the end.

        Raises:
            InvalidCounts: More votes than asked for, estimation before the pilot was complete,
                or another number of classes.
        """
        pilot = self._pilot(tally)
        size = self._growth(pilot)
        plan = 0 if size else self._plan(pilot)
        estimation = votes_of(tally, Phase.ESTIMATION, num_classes=self.num_classes, most=plan)
        if size:
            return DrawMore(phase=Phase.SELECTION, start=pilot.total, stop=size)
        if estimation.total < plan:
            return DrawMore(phase=Phase.ESTIMATION, start=estimation.total, stop=plan)
        return self._certificate(pilot, estimation)

    def draws_planned(self, tally: Tally) -> int:
        """The pilot and its plan; before there is a pilot, the most that it may come to."""
        pilot = self._pilot(tally)
        if pilot.total < PILOT_DRAWS:
            return pilot_sizes(self.params)[-1] + self.params.n
        return (self._growth(pilot) or pilot.total) + self._plan(pilot)

    def interim(self, tally: Tally) -> Certificate | None:  # noqa: ARG002 - no look is early enough
        """None: looking at a bound for the planned number before the end would break it."""
        return None

    def _pilot(self, tally: Tally) -> Votes:
        most = pilot_sizes(self.params)[-1]
        return votes_of(tally, Phase.SELECTION, num_classes=self.num_classes, most=most)

    def _growth(self, pilot: Votes) -> int | None:
        """To how many draws the pilot has to grow; None when it is complete."""
        sizes = pilot_sizes(self.params)
        if pilot.total in sizes and pilot.total >= PILOT_SHARE * self._plan(pilot):
            return None
        return next(size for size in sizes if size > pilot.total)

    def _plan(self, pilot: Votes) -> int:
        return 0 if hopeless(pilot, self.params) else planned_draws(pilot, self.params)

    def _certificate(self, pilot: Votes, estimation: Votes) -> Certificate:
        selected = pilot.leader
        tally = {Phase.SELECTION: pilot, Phase.ESTIMATION: estimation}
        if selected is None or estimation.total == 0:
            proof, stop_reason = Proof(), "hopeless"
        else:
            proof, stop_reason = prove_from_fresh(estimation, selected, self.params), "complete"
        return certificate(
            self.params, proof, selected=selected, tally=tally, stop_reason=stop_reason
        )
