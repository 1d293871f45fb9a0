"""Mode decide: is the radius at least r? With as few draws as the answer takes."""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, log

from scipy.special import rel_entr  # pyright: ignore[reportMissingTypeStubs]

from smoothing.certificate import Certificate, StopReason
from smoothing.limits import RADIUS_SHARE, smallest
from smoothing.params import SmoothingParams
from smoothing.procedures.looks import is_look, next_look
from smoothing.procedures.proof import Proof, certificate, prove_from_running
from smoothing.procedures.protocol import DrawMore, estimation_alone
from smoothing.sequential import refutes
from smoothing.votes import Phase, Tally, Votes

RESIGNATION = 0.01
"""Probability of giving up, ever, on a class that would more likely than not be shown to have the
radius. It costs yeses, never soundness."""

_OVERSHOOT = 2.0
"""Nats of evidence beyond its bound that a test has gathered when it stops, roughly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideProcedure:
    """Looks at fixed numbers of draws, until the radius is shown or seems out of reach.

    The answer is yes at the first look whose bound shows the radius: the bound holds at all looks
    together. It is no at the first look from which the radius is out of reach: either no
    outcome of the remaining draws could show it any more, or they would have to agree more often
    than the draws so far make credible. A no says that it was not shown, nothing else, so the rule
    that leads to it can be any: it can only abstain, and costs no alpha.

    Attributes:
        params: r (`radius`), n (the most to draw), alpha and sigma of the question.
        num_classes: The number of classes that are voted on.
    """

    params: SmoothingParams
    num_classes: int

    def step(self, tally: Tally) -> DrawMore | Certificate:
        """The draws up to the next look, or the answer.

        Raises:
            InvalidCounts: More votes than asked for, selection votes, or another number of
                classes.
        """
        votes = self._votes(tally)
        params = self.params
        if is_look(votes.total, params.n):
            proof = prove_from_running(votes, params)
            if shows(proof, params):
                return self._yes(votes, proof)
            if votes.total == params.n or out_of_reach(votes, params):
                return self._no(votes, proof)
        return DrawMore(
            phase=Phase.ESTIMATION, start=votes.total, stop=next_look(votes.total, params.n)
        )

    def draws_planned(self, tally: Tally) -> int:
        """About as many as an answer takes if the votes go on as they are; at first, the fewest."""
        votes, n = self._votes(tally), self.params.n
        if votes.total == 0:
            return next_look(_fewest_for_yes(self.params) - 1, n)
        if not isinstance(self.step(tally), DrawMore):
            return votes.total
        expected = min(expected_draws(votes, self.params), n - 1)
        return next_look(max(votes.total, expected), n)

    def interim(self, tally: Tally) -> Certificate | None:  # noqa: ARG002 - the answer comes once
        """None: the answer is a yes or a no, given once."""
        return None

    def _votes(self, tally: Tally) -> Votes:
        return estimation_alone(tally, num_classes=self.num_classes, most=self.params.n)

    def _yes(self, votes: Votes, proof: Proof) -> Certificate:
        asked = Proof(holds=True, radius=self.params.radius or 0.0, p_lower=proof.p_lower)
        return self._answer(votes, asked, "shown")

    def _no(self, votes: Votes, proof: Proof) -> Certificate:
        stop_reason = "complete" if votes.total == self.params.n else "futile"
        return self._answer(votes, Proof(p_lower=proof.p_lower), stop_reason)

    def _answer(self, votes: Votes, proof: Proof, stop_reason: StopReason) -> Certificate:
        return certificate(
            self.params,
            proof,
            selected=votes.leader,
            tally={Phase.ESTIMATION: votes},
            stop_reason=stop_reason,
        )


def shows(proof: Proof, params: SmoothingParams) -> bool:
    """Whether a proof reaches the radius that is asked about."""
    return proof.holds and proof.radius >= (params.radius or 0.0)


def out_of_reach(votes: Votes, params: SmoothingParams) -> bool:
    """Whether the remaining draws cannot show the radius, or would have to agree incredibly often.

    Args:
        votes: Over fewer than n draws.
        params: Of the question.
    """
    hits, drawn, remaining = votes.of(votes.leader), votes.total, params.n - votes.total
    missing = hits_needed(params) - hits
    if missing >= remaining:
        return missing > remaining or hits < drawn
    return missing > 0 and refutes(
        drawn - hits, drawn, p=1 - missing / remaining, alpha=RESIGNATION
    )


@lru_cache(maxsize=256)
def hits_needed(params: SmoothingParams) -> int:
    """How many of n draws the class must win for a yes at the last look."""

    def enough(hits: int) -> bool:
        votes = Votes(counts=(hits,), invalid=params.n - hits)
        return shows(prove_from_running(votes, params), params)

    # It is never None: parameters with a radius above their ceiling are refused.
    return smallest(enough, 1, params.n) or params.n


def expected_draws(votes: Votes, params: SmoothingParams) -> int:
    """Roughly how many draws an answer takes if the leader keeps its share of them.

    Args:
        votes: At least one.
        params: Of the question.
    """
    share = votes.of(votes.leader) / votes.total
    goal = hits_needed(params) / params.n
    certain = RESIGNATION if share < goal else RADIUS_SHARE * params.alpha_each
    information = float(rel_entr(share, goal) + rel_entr(1 - share, 1 - goal))
    nats = _OVERSHOOT - log(certain)
    return params.n if information * params.n <= nats else ceil(nats / information)


@lru_cache(maxsize=256)
def _fewest_for_yes(params: SmoothingParams) -> int:
    def enough(hits: int) -> bool:
        return shows(prove_from_running(Votes(counts=(hits,)), params), params)

    return smallest(enough, 1, params.n) or params.n
