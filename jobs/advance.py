"""What the votes of a job lead to: more draws, or a certificate. Pure."""

from jobs.outcomes import Snapshot
from jobs.record import JobSpec
from smoothing.certificate import Certificate, Phase, Votes
from smoothing.procedures import DrawMore, procedure_for


def tally(snapshot: Snapshot) -> dict[Phase, Votes]:
    """The votes over the contiguous prefix of draws of each phase.

    What was committed beyond a gap does not count: chunks arrive in an order that may depend on
    their votes, so only draw indices may decide which are looked at.
    """
    num_classes = snapshot.spec.model.num_classes
    votes: dict[Phase, Votes] = {}
    for phase, chunks in snapshot.chunks.items():
        votes[phase] = Votes.none(num_classes)
        while votes[phase].total in chunks:
            _, sparse = chunks[votes[phase].total]
            votes[phase] += Votes.from_sparse(sparse, num_classes)
    return votes


def shows_early(spec: JobSpec) -> bool:
    """Whether certificates of a job hold before all of its draws are made."""
    return spec.params.mode == "anytime"


def interim(snapshot: Snapshot) -> Certificate | None:
    """The certificate that holds now, whatever is still to be drawn; None where there is none."""
    procedure = procedure_for(snapshot.spec.params, snapshot.spec.model.num_classes)
    return procedure.interim(tally(snapshot))


def advance(snapshot: Snapshot) -> tuple[DrawMore | Certificate, int]:
    """The next request, or the certificate; and how many draws the job needs in all."""
    procedure = procedure_for(snapshot.spec.params, snapshot.spec.model.num_classes)
    votes = tally(snapshot)
    return procedure.step(votes), procedure.draws_planned(votes)
