"""What the votes of a job lead to: more draws, or a certificate. Pure."""

from collections import Counter
from collections.abc import Mapping
from math import log

from jobs.outcomes import Snapshot
from jobs.record import JobSpec
from smoothing.certificate import Certificate
from smoothing.procedures import DrawMore, procedure_for
from smoothing.votes import Phase, Votes

SHOWN_EVERY = 1 / 64
"""Each time, another certificate on the way costs a look at all votes so far: shown at each commit,
a job would cost the square of its chunks. This share of more votes changes little."""


def tally(snapshot: Snapshot) -> dict[Phase, Votes]:
    """The votes over the contiguous prefix of draws of each phase.

    What was committed beyond a gap does not count: chunks arrive in an order that may depend on
    their votes, so only draw indices may decide which are looked at.
    """
    num_classes = snapshot.spec.model.num_classes
    return {
        phase: Votes.from_sparse(_without_a_gap(chunks), num_classes)
        for phase, chunks in snapshot.chunks.items()
    }


def _without_a_gap(chunks: Mapping[int, tuple[int, dict[str, int]]]) -> Mapping[str, int]:
    votes, drawn = Counter[str](), 0
    while drawn in chunks:
        drawn, sparse = chunks[drawn]
        votes.update(sparse)
    return votes


def shows_early(spec: JobSpec) -> bool:
    """Whether certificates of a job hold before all of its draws are made."""
    return spec.params.mode == "anytime"


def worth_showing(drawn: int, new: int) -> bool:
    """Whether a commit is one of those after which a certificate on the way is shown.

    Of commits that follow each other, one is whenever there is `SHOWN_EVERY` more; the first ones
    all are.

    Args:
        drawn: Draws committed so far, in whatever order.
        new: Those of the commit.
    """
    before = drawn - new
    return before <= 0 or log(drawn) // SHOWN_EVERY > log(before) // SHOWN_EVERY


def interim(snapshot: Snapshot) -> Certificate | None:
    """The certificate that holds now, whatever is still to be drawn; None where there is none."""
    procedure = procedure_for(snapshot.spec.params, snapshot.spec.model.num_classes)
    return procedure.interim(tally(snapshot))


def advance(snapshot: Snapshot) -> tuple[DrawMore | Certificate, int]:
    """The next request, or the certificate; and how many draws the job needs in all."""
    procedure = procedure_for(snapshot.spec.params, snapshot.spec.model.num_classes)
    votes = tally(snapshot)
    return procedure.step(votes), procedure.draws_planned(votes)
