"""Mode predict: the class of the smoothed classifier at this image, without a radius."""

from dataclasses import dataclass

from smoothing.bounds import leading_by_chance
from smoothing.certificate import Certificate
from smoothing.params import SmoothingParams
from smoothing.procedures.proof import Proof, certificate
from smoothing.procedures.protocol import DrawMore, estimation_alone
from smoothing.votes import Phase, Tally, Votes


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictProcedure:
    """Algorithm PREDICT: n draws, and a test of whether the two leading classes can be told apart.

    Rows that are not finite count as one more class, which the leader has to beat too.

    Attributes:
        params: n and alpha of the answer.
        num_classes: The number of classes that are voted on.

    Source:
        Cohen et al. (2019), section 3.2.1, algorithm PREDICT.
    """

    params: SmoothingParams
    num_classes: int

    def step(self, tally: Tally) -> DrawMore | Certificate:
        """All draws, then the answer.

        Raises:
            InvalidCounts: More votes than asked for, selection votes, or another number of
                classes.
        """
        votes = estimation_alone(tally, num_classes=self.num_classes, most=self.params.n)
        if votes.total < self.params.n:
            return DrawMore(phase=Phase.ESTIMATION, start=votes.total, stop=self.params.n)
        return certificate(
            self.params,
            Proof(holds=self._told_apart(votes)),
            selected=votes.leader,
            tally={Phase.ESTIMATION: votes},
        )

    def draws_planned(self, tally: Tally) -> int:  # noqa: ARG002 - no vote changes the plan
        """All n, from the start."""
        return self.params.n

    def interim(self, tally: Tally) -> Certificate | None:  # noqa: ARG002 - the test is for n draws
        """None: the test is for n draws, and does not hold before."""
        return None

    def _told_apart(self, votes: Votes) -> bool:
        """Whether the leader's lead is too large for chance.

        The noise may favour the leader by `total_variation`, and disfavour by as much the outcome
        that is truly the likeliest, which has at least the mean probability of all outcomes. So
        of the draws that either of the two wins, the leader's share is at most 1/2 +
        total_variation / (their probability together), if it is not the likelier.
        """
        leading, second = votes.of(votes.leader), votes.strongest_rival(votes.leader)
        if leading <= second:
            return False
        slack = self.params.total_variation
        both = 1 / (self.num_classes + 1) - slack
        chance = leading_by_chance(leading, second, advantage=slack / both)
        return chance <= self.params.alpha_each
