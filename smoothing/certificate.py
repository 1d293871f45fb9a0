"""What a certificate is: what was proved from the votes, by which rule, or why nothing was."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor
from typing import Literal

from smoothing.params import Mode, SmoothingParams
from smoothing.votes import Phase, Tally, Votes

AbstentionReason = Literal[
    "no_majority", "too_few_draws", "unstable_selection", "hopeless", "not_shown", "too_close"
]

_REASONS: Mapping[Mode, AbstentionReason] = {"decide": "not_shown", "predict": "too_close"}

StopReason = Literal["complete", "hopeless", "shown", "futile", "interim"]
"""Why no more was drawn: "complete", all draws of the plan are done; "hopeless", the pilot left no
radius worth the draws; "shown" and "futile", the question was settled early, for or against;
"interim", the answer was read before the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What was proved about one image, or that nothing was.

    With probability at least 1 - alpha over the noise, every image within L2 distance
    `radius` is given the class `predicted` by the smoothed classifier.

    Attributes:
        predicted: Index of the certified class; None for an abstention.
        radius: Certified L2 radius in units of a [0, 1] pixel; 0.0 for an abstention, and where
            the mode is "predict", which claims the class of this image alone. In mode "decide" it
            is the radius that was asked about, though `p_lower` may show more.
        radius_ceiling: The most that these parameters could have given.
        p_lower: Plain confidence bound on the selected class's probability (pABar in the
            paper); the radius follows from it less the numerics' total variation. 0.0 where the
            mode bounds none.
        p_runner_up_upper: Upper bound on any other class's probability; None where it was
            not bounded by itself.
        selected: The class that the bound is about; None when every draw that might select one
            was invalid.
        tally: All votes the certificate rests on.
        params: The parameters it holds for; `params.method` names the bound.
        stop_reason: Why no more was drawn.
    """

    predicted: int | None
    radius: float
    radius_ceiling: float
    p_lower: float
    p_runner_up_upper: float | None
    selected: int | None
    tally: Tally
    params: SmoothingParams
    stop_reason: StopReason = "complete"

    @property
    def abstained(self) -> bool:
        """Whether no class could be certified. An abstention is final, never tried again."""
        return self.predicted is None

    @property
    def decision(self) -> Literal["yes", "no"] | None:
        """The answer of mode "decide"; None in other modes. A no is "not shown", never "false"."""
        if self.params.mode != "decide":
            return None
        return "no" if self.abstained else "yes"

    @property
    def deciding_votes(self) -> Votes | None:
        """The votes that the answer rests on: estimation, or the pilot where it was hopeless."""
        phase = Phase.SELECTION if self.stop_reason == "hopeless" else Phase.ESTIMATION
        return self.tally.get(phase)

    @property
    def abstention_reason(self) -> AbstentionReason | None:
        """Why no class was certified; None when one was.

        * "unstable_selection": the bound was about one class, while another got more of the
          estimation draws.
        * "too_few_draws": the selected class got most of them, more than half where it is to have
          a majority, but too few to be sure.
        * "no_majority": no class got more than half of the estimation draws.
        * "hopeless": the pilot draws left no radius worth estimating.
        * "not_shown": the radius asked about was not shown.
        * "too_close": the two classes with most votes could not be told apart.
        """
        if not self.abstained:
            return None
        votes = self.deciding_votes
        if votes is None or votes.leader is None:
            return "no_majority"
        if self.stop_reason == "hopeless":
            return "hopeless"
        if self.params.mode in _REASONS:
            return _REASONS[self.params.mode]
        if self.params.bound == "top" and 2 * max(votes.counts) <= votes.total:
            return "no_majority"
        return "too_few_draws" if votes.leader == self.selected else "unstable_selection"

    @property
    def abstention_explanation(self) -> str | None:
        """The reason in words with its numbers; None when a class was certified."""
        reason = self.abstention_reason
        if reason is None:
            return None
        votes = self.deciding_votes
        if self.selected is None or votes is None or votes.leader is None:
            return "Every draw that was looked at gave logits that are not finite."
        leading = f"class {votes.leader} won {votes.counts[votes.leader]} of {votes.total} draws"
        words = {
            "unstable_selection": f"The selection draws favoured class {self.selected}, but "
            f"{leading}: too close to call{self._selected_by()}.",
            "too_few_draws": f"Though {leading}, its probability is only known to exceed "
            f"{floor(self.p_lower * 1e4) / 1e4:.4f} at alpha={self.params.alpha}, and must exceed "
            f"{self._to_exceed()}.",
            "no_majority": f"No class has a majority under this noise: {leading}.",
            "hopeless": f"In the pilot {leading}: {self.params.n} draws would show no radius, or "
            "next to none.",
            "not_shown": f"A radius of {self.params.radius} was not shown: {leading}"
            f"{self._of_all()}.",
            "too_close": f"Though {leading}, another outcome had "
            f"{votes.strongest_rival(votes.leader)}: too close to call at "
            f"alpha={self.params.alpha}.",
        }
        return words[reason]

    def _selected_by(self) -> str:
        return f" with n0={self.params.n0}" if self.params.mode == "fixed" else ""

    def _to_exceed(self) -> str:
        upper = self.p_runner_up_upper
        if upper is None:
            return "1/2"
        return f"the runner-up's, which is only known to be at most {ceil(upper * 1e4) / 1e4:.4f}"

    def _of_all(self) -> str:
        if self.stop_reason != "futile":
            return ""
        return f", and more draws, up to n={self.params.n}, were not expected to change that"
