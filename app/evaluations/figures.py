"""What the certificates of a labelled set say together."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

from jobs.evaluation_record import Evaluation, Result
from smoothing.accuracy import CertifiedAccuracy, curve_at, radii_of, steps
from smoothing.digits import plain
from smoothing.params import SmoothingParams


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A labelled image that has a certificate, an abstention's included.

    Attributes:
        index: Of the image.
        label: Its class.
        result: Its certificate.
    """

    index: int
    label: int
    result: Result

    @property
    def correct(self) -> bool:
        """Whether the certified class is the label."""
        return self.result.predicted == self.label


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Figures of the images that have a certificate.

    Attributes:
        num_images: How many they are, abstentions included.
        curve: Certified accuracy at rising radii.
        num_abstained: Images without a certified class.
        num_wrong: Images whose certified class is not their label.
        average_certified_radius: Mean radius; a wrong class or an abstention counts as 0.
        mean_draws: Draws that an image took.
        steps: The whole curve, for a plot.
    """

    num_images: int
    curve: tuple[CertifiedAccuracy, ...]
    num_abstained: int
    num_wrong: int
    average_certified_radius: float
    mean_draws: float
    steps: tuple[CertifiedAccuracy, ...]


def answers_of(evaluation: Evaluation) -> list[Answer]:
    """The images that have a certificate by now, in order; the evaluation read with its items."""
    return [
        Answer(index=index, label=item.label, result=result)
        for index, item in enumerate(evaluation.items)
        if (result := evaluation.results.get(index)) and result.certified
        if item.label is not None
    ]


def figures_of(answers: Sequence[Answer], params: SmoothingParams) -> Figures | None:
    """The figures, or None where there is no image to speak of."""
    if not answers:
        return None
    total = len(answers)
    right = [answer.result.radius for answer in answers if answer.correct]
    predicted = [answer for answer in answers if answer.result.predicted is not None]
    return Figures(
        num_images=total,
        curve=curve_at(radii_of(params), right, total),
        num_abstained=total - len(predicted),
        num_wrong=len(predicted) - len(right),
        average_certified_radius=fsum(right) / total,
        mean_draws=sum(answer.result.draws for answer in answers) / total,
        steps=steps(right, total),
    )


def statement(evaluation: Evaluation) -> str:
    """What the figures claim and what they do not, in plain words."""
    params = evaluation.spec.params
    noun = "prediction" if params.mode == "predict" else "certificate"
    together = (
        f"all of them hold together except with probability {plain(params.alpha)}"
        if params.family_size >= evaluation.num_items
        else f"that all of them hold together is not claimed (family_size={evaluation.num_items} "
        "would)"
    )
    heuristic = (
        ""
        if params.total_variation
        else f" The noise is drawn and added in single precision, so each {noun} is heuristic: "
        "rounding errors of the noise are not accounted for."
    )
    return (
        f"Each {noun} holds by itself, except with probability {plain(params.alpha_each)} over the "
        f"service's own randomness; {together}.{heuristic} Certified accuracy at a radius is the "
        "share of the images with a result whose class under noise of standard deviation "
        f"{plain(params.sigma)} is their label and certified at that radius or beyond; an "
        "abstention counts against it. Its "
        "interval is exact (Clopper-Pearson, 95 %) over the choice of images, and holds if they "
        "are a random sample of those that one wants to speak of; images without a result are left "
        "out of it. While the evaluation runs, and where it was cancelled or ran out of time, the "
        "images with a result are those that ended first, which is no random sample."
    )
