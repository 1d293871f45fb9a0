"""What a job's certificate says, read back from its votes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.certificates.words import with_labels
from app.pages.accuracy_figure import accuracy_figure
from app.pages.advice import Advice, advice
from app.pages.draws_figure import draws_figure
from app.pages.pictures import strongest_change
from app.pages.plot import Plot
from app.pages.votes_figure import VotesFigure, votes_figure
from jobs.record import JobSpec
from model_store.card import ModelCard
from smoothing.certificate import Certificate
from smoothing.procedures import replay
from smoothing.votes import Phase, Votes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A certificate as a page shows it.

    Attributes:
        document: As stored.
        certificate: What its counts prove.
        label: Of the class; None for an abstention.
        votes: Figure of the votes.
        more_draws: Figure of what more draws could buy.
        accuracy: Figure of the model's certified accuracy.
        explanation: Why nothing is claimed, in words; None where something is.
        advice: What to change, after an abstention.
        spot: Largest change of a value in the picture that lies the radius away, in 1/255.
        attempts: Different questions asked about this image and model; None where nobody counted.
    """

    document: Mapping[str, Any]
    certificate: Certificate
    label: str | None
    votes: VotesFigure | None
    more_draws: Plot | None
    accuracy: Plot | None
    explanation: str | None
    advice: Sequence[Advice]
    spot: float
    attempts: int | None


def proved(spec: JobSpec, document: Mapping[str, Any]) -> Certificate:
    """What the counts of a document prove.

    Raises:
        InvalidCounts: No run ends with these counts.
    """
    tally = {
        Phase(phase): Votes.from_sparse(votes, spec.model.num_classes)
        for phase, votes in document["counts"].items()
    }
    return replay(spec.params, spec.model.num_classes, tally)


def answer(
    spec: JobSpec,
    document: Mapping[str, Any],
    *,
    card: ModelCard | None,
    cards: Sequence[ModelCard],
    draws_per_s: float,
    max_draws: int,
) -> Answer:
    """The whole of a certificate.

    Args:
        spec: What was asked.
        document: The certificate, final or interim.
        card: Of the model; None where that has left the store.
        cards: Of all models.
        draws_per_s: Of the service at present.
        max_draws: The most that may be asked for.

    Raises:
        InvalidCounts: No run ends with the counts of this document.
    """
    certificate = proved(spec, document)
    index, radius = certificate.predicted, certificate.radius
    explanation = certificate.abstention_explanation
    return Answer(
        document=document,
        certificate=certificate,
        label=None if index is None else spec.model.labels[index],
        votes=votes_figure(certificate, spec.model.labels),
        more_draws=draws_figure(certificate, draws_per_s=draws_per_s),
        accuracy=card and accuracy_figure(card, sigma=spec.params.sigma, radius=radius),
        explanation=explanation and with_labels(explanation, spec.model.labels),
        advice=advice(certificate, card, cards, max_draws=max_draws),
        spot=255 * strongest_change(spec.image.shape, radius=radius),
        attempts=document.get("attempts"),
    )
