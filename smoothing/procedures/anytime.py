"""Mode anytime: the best radius so far, whenever it is read."""

from dataclasses import dataclass

from smoothing.certificate import Certificate, StopReason
from smoothing.params import SmoothingParams
from smoothing.procedures.proof import certificate, prove_from_running
from smoothing.procedures.protocol import DrawMore, estimation_alone
from smoothing.votes import Phase, Tally, Votes


@dataclass(frozen=True, slots=True, kw_only=True)
class AnytimeProcedure:
    """Up to n draws, with a bound that holds at every one of them.

    All draws are estimation draws; the class is the leader of those it is read from. A
    certificate may be read at any time, the draws stopped when one pleases, or taken up again
    from the same key with a larger n: all that was read is true together, except with alpha.

    Attributes:
        params: n, alpha and sigma of the certificate.
        num_classes: The number of classes that are voted on.
    """

    params: SmoothingParams
    num_classes: int

    def step(self, tally: Tally) -> DrawMore | Certificate:
        """All draws that are missing, then the certificate.

        Raises:
            InvalidCounts: More votes than asked for, selection votes, or another number of
                classes.
        """
        votes = estimation_alone(tally, num_classes=self.num_classes, most=self.params.n)
        if votes.total < self.params.n:
            return DrawMore(phase=Phase.ESTIMATION, start=votes.total, stop=self.params.n)
        return self._certificate(votes, "complete")

    def draws_planned(self, tally: Tally) -> int:  # noqa: ARG002 - no vote changes the plan
        """All n, from the start."""
        return self.params.n

    def interim(self, tally: Tally) -> Certificate | None:
        """What the draws so far prove; None before the first.

        Raises:
            InvalidCounts: As for `step`.
        """
        votes = estimation_alone(tally, num_classes=self.num_classes, most=self.params.n)
        if votes.total == 0:
            return None
        return self._certificate(votes, "interim" if votes.total < self.params.n else "complete")

    def _certificate(self, votes: Votes, stop_reason: StopReason) -> Certificate:
        return certificate(
            self.params,
            prove_from_running(votes, self.params),
            selected=votes.leader,
            tally={Phase.ESTIMATION: votes},
            stop_reason=stop_reason,
        )
