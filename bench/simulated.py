"""The service's own procedures on votes that are drawn from known class probabilities."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from model_store.card import ModelCard
from smoothing import Certificate, DrawMore, Phase, SmoothingParams, Votes, procedure_for
from training.evaluation.counts import parse_counts
from training.evaluation.journal import about_path
from training.evaluation.table import parse_row

COUNTS = ".counts.jsonl"
KEPT = Path(__file__).parent / "counts"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chances:
    """An image as a simulation knows it.

    Attributes:
        label: Its class.
        votes: That the probabilities were estimated from.
        probabilities: Of each class under the noise, shape (classes,), with sum 1.
    """

    label: int
    votes: int
    probabilities: NDArray[np.float64]


def estimated(votes: Votes, label: int) -> Chances:
    """The probabilities behind some votes: one more draw, shared by all classes, is added.

    Without it a class that won every draw would be given probability 1, and with it radii that no
    image has.

    Source:
        Perks (1947), J. Inst. Actuaries 73, for the share of a class of k: 1 / k.
    """
    shares = np.array(votes.counts, dtype=np.float64) + 1 / len(votes.counts)
    return Chances(label=label, votes=votes.total, probabilities=shares / shares.sum())


def kept_counts(card: ModelCard) -> Path | None:
    """The counts of the model that come with the code, if there are any."""
    for path in sorted(KEPT.glob(f"*{COUNTS}")):
        about = json.loads(about_path(_table_of(path)).read_text())
        if about["weights_sha256"] == card.weights.sha256:
            return path
    return None


def read_counts(path: Path) -> list[Chances]:
    """The images of an evaluation, from its counts and the table beside them.

    Raises:
        ValueError: A line cannot be read.
        OSError: One of the files is not there.
    """
    rows = [parse_row(line) for line in _table_of(path).read_text().splitlines()[1:]]
    labels = {row.idx: row.label for row in rows}
    counted = [parse_counts(line) for line in path.read_text().splitlines()]
    return [
        estimated(each.selection + each.estimation, labels[each.idx])
        for each in counted
        if each.draws and each.idx in labels
    ]


def simulate(params: SmoothingParams, chances: Chances, random: Generator) -> Certificate:
    """The certificate of one image, with votes by its probabilities."""
    num_classes = len(chances.probabilities)
    procedure = procedure_for(params, num_classes)
    tally = {phase: Votes.none(num_classes) for phase in Phase}
    while isinstance(answer := procedure.step(tally), DrawMore):
        counts = random.multinomial(answer.num_draws, chances.probabilities)
        tally[answer.phase] += Votes(counts=tuple(int(count) for count in counts))
    return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a procedure came to over some images.

    Attributes:
        draws: A certificate, in the mean.
        radius: Mean; an abstention counts as 0.
        accuracy: Share of images that are right and certified at the radius asked about.
    """

    draws: float
    radius: float
    accuracy: float


def outcome(
    certificates: Sequence[Certificate], labels: Sequence[int], *, radius: float
) -> Outcome:
    """Over certificates of images of these classes.

    Args:
        certificates: At least one.
        labels: Of the images.
        radius: Of the certified accuracy.
    """
    held = [
        each.predicted == label and each.radius >= radius
        for each, label in zip(certificates, labels, strict=True)
    ]
    return Outcome(
        draws=float(np.mean([all_votes(each).total for each in certificates])),
        radius=float(np.mean([each.radius for each in certificates])),
        accuracy=float(np.mean(held)),
    )


def all_votes(certificate: Certificate) -> Votes:
    """Of both phases."""
    first, *others = certificate.tally.values()
    return sum(others, start=first)


def _table_of(counts: Path) -> Path:
    return counts.with_name(counts.name.removesuffix(COUNTS))
