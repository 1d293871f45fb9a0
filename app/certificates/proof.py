"""What a certificate says, held against what its own counts prove."""

from collections.abc import Iterator
from dataclasses import fields
from math import prod
from typing import Any

from pydantic import ValidationError

from app.certificates.report import Check
from app.certificates.schema import DOCUMENTS, Document
from jobs.document import conclusions
from jobs.statement import Subject
from smoothing import Phase, SmoothingError, SmoothingParams, Votes, replay
from smoothing.certificate import Certificate
from smoothing.noise import check_sound

TOLERANCE = 1e-11
"""On probabilities alone: the special functions of two versions of scipy may differ in last bits.
Radii are floored with a hundred times as much to spare, and are compared exactly."""

_PROBABILITIES = ("p_lower", "p_runner_up_upper")
_GROUPS = {
    "claim": (
        "verdict",
        "decision",
        "predicted",
        "radius",
        "radius_ceiling",
        *_PROBABILITIES,
        "method",
        "stop_reason",
        "total_variation",
    ),
    "figures": ("radius_255", "radius_original", "radius_linf", "l0_pixels"),
    "words": ("abstention", "statement"),
}
_ABOUT = {
    "claim": "verdict, radius and probabilities are what the counts prove",
    "figures": "all other radii follow from the radius",
    "words": "statement and explanation are those of this claim",
}
_PARAMS = tuple(field.name for field in fields(SmoothingParams) if field.name != "radius")


def check_proof(document: dict[str, Any]) -> tuple[Check, ...]:
    """Whether a document is one, and follows from its own counts and parameters.

    Args:
        document: Without its signature.

    Returns:
        One check of its shape, one of its counts, and one of each group of conclusions; as far as
        the earlier ones let the later be asked.
    """
    try:
        read = DOCUMENTS.validate_python(document)
    except ValidationError as error:
        return (Check(name="schema", passed=False, detail=_faults(error)),)
    shape = Check(name="schema", passed=True, detail=f"schema version {read.schema_version}")
    try:
        certificate = recompute(document, read)
    except SmoothingError as error:
        return shape, Check(name="counts", passed=False, detail=f"not of this procedure: {error}")
    return shape, *_compare(document, read, certificate)


def recompute(document: dict[str, Any], read: Document) -> Certificate:
    """The certificate that a document's counts prove.

    Args:
        document: As it is written.
        read: The same, checked.

    Raises:
        SmoothingError: Its parameters are out of range, sound noise is not proved for its tensor,
            or no run ends with such counts.
    """
    classes, params = read.model.num_classes, params_of(document)
    if params.numerics == "sound":
        check_sound(prod(read.image.shape), params.sigma)
    tally = {Phase(name): Votes.from_sparse(votes, classes) for name, votes in read.counts.items()}
    return replay(params, classes, tally)


def params_of(document: dict[str, Any]) -> SmoothingParams:
    """The parameters that a document states.

    Raises:
        SmoothingError: One is out of range.
    """
    stated = {name: document[name] for name in _PARAMS if name in document}
    return SmoothingParams(**stated, radius=document.get("radius_asked"))


def _compare(document: dict[str, Any], read: Document, proved: Certificate) -> Iterator[Check]:
    counts = {str(phase): votes.sparse() for phase, votes in proved.tally.items()}
    drawn = sum(votes.total for votes in proved.tally.values())
    same = counts == read.counts
    detail = f"{drawn} votes, as mode {proved.params.mode} ends with"
    yield Check(
        name="counts", passed=same, detail=detail if same else "not as this service writes them"
    )
    said = {**document, "total_variation": read.noise.total_variation}
    concluded = conclusions(_subject(read), proved)
    found = {**concluded, "total_variation": concluded["noise"]["total_variation"]}
    for name, members in _GROUPS.items():
        wrong = [_difference(key, said[key], found[key]) for key in members]
        told = "; ".join(difference for difference in wrong if difference)
        yield Check(name=name, passed=not told, detail=told or _ABOUT[name])


def _subject(read: Document) -> Subject:
    return Subject(
        model_id=read.model.id,
        label=None if read.predicted is None else read.predicted.label,
        image=read.image.ref(),
        attempts=None if read.schema_version == 1 else read.attempts,
        exact=read.schema_version > 2,
    )


def _difference(name: str, said: Any, found: Any) -> str | None:
    if name in _PROBABILITIES and None not in (said, found):
        same = abs(said - found) <= TOLERANCE
    else:
        same = said == found
    if same:
        return None
    if name in ("statement", "abstention"):
        return f"{name} is not the text that belongs to this claim"
    return f"{name} is {said!r}, and {found!r} by the counts"


def _faults(error: ValidationError) -> str:
    told = [
        f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False)[:5]
    ]
    return "; ".join(told)
