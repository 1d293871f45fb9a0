"""The votes as bars, each with its Clopper-Pearson interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor

from app.pages import words
from app.pages.plot import Table
from smoothing.bounds import lower_confidence_bound, upper_confidence_bound
from smoothing.certificate import Certificate
from smoothing.votes import Phase, Votes

MOST_BARS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """The votes of one outcome.

    Attributes:
        label: Of the class.
        votes: Draws that it won.
        share: Of all draws, in percent.
        low: Lower end of its interval, in percent, cut to two decimals.
        high: Upper end, in percent, to the next of two decimals.
        selected: Whether the certificate is about this class.
    """

    label: str
    votes: int
    share: float
    low: float
    high: float
    selected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class VotesFigure:
    """The votes that an answer rests on.

    Attributes:
        bars: The outcomes with most votes.
        others: Votes of all other outcomes.
        pilot: Whether these are the votes of the pilot alone.
        sequential: Whether the answer rests on a bound for all numbers of draws, as its intervals
            do not.
        reading: The figure in a sentence.
        table: The twin.
    """

    bars: tuple[Bar, ...]
    others: int
    pilot: bool
    sequential: bool
    reading: str
    table: Table


def votes_figure(certificate: Certificate, labels: Sequence[str]) -> VotesFigure | None:
    """The figure of a certificate; None where it has no votes.

    Args:
        certificate: Or an abstention, or an interim certificate.
        labels: Name of each class.
    """
    votes = certificate.deciding_votes
    if votes is None or votes.total == 0:
        return None
    bars = _bars(votes, certificate, labels)
    alpha = words.chance(certificate.params.alpha_each)
    shown, pilot = bars[:MOST_BARS], votes is certificate.tally.get(Phase.SELECTION)
    return VotesFigure(
        bars=tuple(shown),
        others=votes.total - sum(bar.votes for bar in shown),
        pilot=pilot,
        sequential=certificate.params.method == "truncated_mixture",
        reading=_reading(bars, votes, certificate.p_lower or None),
        table=Table(
            caption=f"Votes and their intervals, each wrong with probability {alpha}",
            head=("Class", "Votes", "Share", "Interval"),
            rows=tuple(
                (bar.label, words.whole(bar.votes), f"{bar.share:.2f} %", _interval(bar))
                for bar in bars
            ),
        ),
    )


def _bars(votes: Votes, certificate: Certificate, labels: Sequence[str]) -> list[Bar]:
    alpha = certificate.params.alpha_each / 2
    named = [*zip(votes.counts, labels, range(len(labels)), strict=True)]
    outcomes = sorted((each for each in named if each[0]), key=lambda each: -each[0])
    if votes.invalid:
        outcomes.append((votes.invalid, "no finite answer", -1))
    return [
        Bar(
            label=label,
            votes=count,
            share=round(100 * count / votes.total, 3),
            low=floor(1e4 * lower_confidence_bound(count, votes.total, alpha=alpha)) / 100,
            high=ceil(1e4 * upper_confidence_bound(count, votes.total, alpha=alpha)) / 100,
            selected=index == certificate.selected,
        )
        for count, label, index in outcomes
    ]


def _interval(bar: Bar) -> str:
    return f"{bar.low:.2f} % to {bar.high:.2f} %"


def _reading(bars: Sequence[Bar], votes: Votes, bound: float | None) -> str:
    first = bars[0]
    text = f"{first.label} won {first.votes:,} of {votes.total:,} noisy draws"
    if len(bars) > 1:
        text += f", {bars[1].label} {bars[1].votes:,}"
    if bound is None:
        return f"{text}."
    bounded = next((bar.label for bar in bars if bar.selected), first.label)
    return f"{text}. So the probability of {bounded} is shown to exceed {words.floored(bound)}."
