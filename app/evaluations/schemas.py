"""What goes over HTTP of an evaluation, as pydantic models."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, cast

from pydantic import Field

from app.bodies import Body, moment
from app.evaluations.figures import Answer, Figures, answers_of, figures_of, statement
from app.schemas import JobModelBody
from jobs.evaluation_record import Child, Evaluation, EvaluationState, Item, ItemError
from smoothing.accuracy import CertifiedAccuracy, ceiling_of
from smoothing.params import SmoothingParams

EXAMPLE_EVALUATION_ID = "019a9f0e-8c3a-7d11-9b5e-3f1c2a4d5e6f"

ItemState = Literal[
    "waiting",
    "queued",
    "running",
    "succeeded",
    "failed",
    "cancelled",
    "expired",
    "deleted",
    "error",
]


class EvaluationProgressBody(Body):
    """How far an evaluation is."""

    items: int = Field(description="Images, those included that cannot be evaluated.")
    items_done: int = Field(description="Images that have ended, with a certificate or without.")
    items_live: int = Field(description="Images whose job is queued or running.")
    items_waiting: int = Field(description="Images whose job is submitted when there is room.")
    draws_done: int
    draws_planned: int = Field(description="Draws that all images are now expected to take.")
    eta_s: float | None = Field(
        description="Expected seconds to the end, from the measured speed; null once it has ended."
    )


class PointBody(Body):
    """Certified accuracy at a radius."""

    radius: float = Field(description="L2, in units of a [0, 1] pixel.")
    accuracy: float = Field(
        description="Share of images whose certified class is their label, at this radius or "
        "beyond."
    )
    low: float = Field(description="Lower end of its exact 95 % interval (Clopper-Pearson).")
    high: float = Field(description="Upper end.")

    @classmethod
    def of(cls, point: CertifiedAccuracy) -> "PointBody":
        """The body for a point of a curve."""
        return cls(radius=point.radius, accuracy=point.accuracy, low=point.low, high=point.high)


class FiguresBody(Body):
    """Figures of the images that have a result."""

    images: int = Field(description="How many they are, abstentions included.")
    left_out: int = Field(description="Images without a result: errors, and those still to come.")
    provisional: bool = Field(
        description="Whether images are still to come: those that end first are no random sample."
    )
    certified_accuracy: list[PointBody] = Field(
        description="At every quarter up to `radius_ceiling`; in mode `decide` at the radius that "
        "was asked about, in mode `predict` at 0."
    )
    abstained: int
    abstention_rate: float
    wrong: int = Field(description="Images whose certified class is not their label.")
    average_certified_radius: float = Field(
        description="Mean radius; a wrong class or an abstention counts as 0."
    )
    radius_ceiling: float = Field(description="The largest radius that can come out.")
    mean_draws: float

    @classmethod
    def of(
        cls, figures: Figures, params: SmoothingParams, *, left_out: int, provisional: bool
    ) -> "FiguresBody":
        """The body for figures."""
        return cls(
            images=figures.num_images,
            left_out=left_out,
            provisional=provisional,
            certified_accuracy=[PointBody.of(point) for point in figures.curve],
            abstained=figures.num_abstained,
            abstention_rate=figures.num_abstained / figures.num_images,
            wrong=figures.num_wrong,
            average_certified_radius=figures.average_certified_radius,
            radius_ceiling=ceiling_of(params),
            mean_draws=round(figures.mean_draws, 1),
        )


class ClassBody(Body):
    """A class of the model."""

    index: int
    label: str


class ItemErrorBody(Body):
    """Why an image has no result."""

    code: str
    message: str


class ItemBody(Body):
    """An image of an evaluation."""

    index: int
    name: str = Field(description="Of its file, shortened.")
    label: ClassBody | None = Field(description="Null where its label is none of the model's.")
    state: ItemState = Field(description="`waiting`: for room; `error`: it has no job.")
    predicted: ClassBody | None = Field(description="Null for an abstention, too.")
    radius: float | None = Field(description="Null while there is no certificate.")
    correct: bool | None = Field(description="Whether the certified class is the label.")
    draws: int
    error: ItemErrorBody | None
    job: str | None = Field(description="Path of its job, which is kept for a day after its end.")


class EvaluationLinks(Body):
    """Where to go from an evaluation."""

    self: str
    cancel: str
    table: str
    plot: str
    model: str


class EvaluationSummaryBody(Body):
    """An evaluation without its images."""

    id: str = Field(examples=[EXAMPLE_EVALUATION_ID])
    name: str
    state: EvaluationState = Field(
        description="`succeeded`: every image has ended, at least one with a result."
    )
    progress: EvaluationProgressBody
    params: dict[str, str | int | float] = Field(description="Of every certificate.")
    model: JobModelBody
    created_at: datetime
    finished_at: datetime | None
    deadline_at: datetime = Field(description="When it expires if it has not ended.")
    links: EvaluationLinks

    @classmethod
    def summary(
        cls, evaluation: Evaluation, *, draws_per_s: float | None, prefix: str
    ) -> "EvaluationSummaryBody":
        """The body for an evaluation read without its images."""
        return cls.model_validate(_common(evaluation, draws_per_s, prefix))


class EvaluationBody(EvaluationSummaryBody):
    """An evaluation as it stands."""

    figures: FiguresBody | None = Field(description="Null while no image has a result.")
    statement: str = Field(description="What the figures claim and what they do not.")
    items: list[ItemBody]

    @classmethod
    def of(
        cls, evaluation: Evaluation, *, draws_per_s: float | None, prefix: str
    ) -> "EvaluationBody":
        """The body for an evaluation read with its images.

        Args:
            evaluation: As read from the store.
            draws_per_s: Of all workers of the model together; None where it is not known.
            prefix: Path under which the service is mounted.
        """
        answers = answers_of(evaluation)
        params = evaluation.spec.params
        figures = figures_of(answers, params)
        by_index = {answer.index: answer for answer in answers}
        return cls.model_validate(
            {
                **_common(evaluation, draws_per_s, prefix),
                "figures": figures
                and FiguresBody.of(
                    figures,
                    params,
                    left_out=evaluation.num_items - len(answers),
                    provisional=not evaluation.state.terminal,
                ),
                "statement": statement(evaluation),
                "items": _items(evaluation, by_index, prefix),
            }
        )


class EvaluationsBody(Body):
    """A page of evaluations."""

    evaluations: list[EvaluationSummaryBody]
    next: str | None = Field(description="Path of the next page; null at the end.")


def _common(evaluation: Evaluation, draws_per_s: float | None, prefix: str) -> dict[str, object]:
    spec = evaluation.spec
    here = f"{prefix}/evaluations/{spec.id}"
    left = max(evaluation.draws_planned - evaluation.draws_done, 0)
    unknown = evaluation.state.terminal or not draws_per_s
    return {
        "id": spec.id,
        "name": spec.name,
        "state": evaluation.state,
        "progress": EvaluationProgressBody(
            items=evaluation.num_items,
            items_done=evaluation.num_ended,
            items_live=len(evaluation.children),
            items_waiting=evaluation.num_pending,
            draws_done=evaluation.draws_done,
            draws_planned=evaluation.draws_planned,
            eta_s=None if unknown else round(left / (draws_per_s or 1.0), 1),
        ),
        "params": spec.params.stated(),
        "model": JobModelBody.of(spec.model),
        "created_at": moment(spec.created_at),
        "finished_at": None if evaluation.finished_at is None else moment(evaluation.finished_at),
        "deadline_at": moment(spec.deadline_at),
        "links": EvaluationLinks(
            self=here,
            cancel=f"{here}/cancel",
            table=f"{here}.tsv",
            plot=f"{here}/plot.svg",
            model=f"{prefix}/models/{spec.model.id}",
        ),
    }


def _items(evaluation: Evaluation, answers: Mapping[int, Answer], prefix: str) -> list[ItemBody]:
    live = {child.index: child for child in evaluation.children}
    return [
        _item(index, item, evaluation, live.get(index), answers.get(index), prefix)
        for index, item in enumerate(evaluation.items)
    ]


def _item(
    index: int,
    item: Item,
    evaluation: Evaluation,
    child: Child | None,
    answer: Answer | None,
    prefix: str,
) -> ItemBody:
    labels = evaluation.spec.model.labels
    result = evaluation.results.get(index)
    job_id = result.job_id if result else child and child.job_id
    state = result.state if result else child.state if child else "waiting"
    draws = result.draws if result else child.draws_done if child else 0
    return ItemBody(
        index=index,
        name=item.name,
        label=_class(item.label, labels),
        state=cast(ItemState, state),
        predicted=_class(result and result.predicted, labels),
        radius=None if answer is None else answer.result.radius,
        correct=None if answer is None else answer.correct,
        draws=draws,
        error=_error(result and result.error),
        job=None if job_id is None else f"{prefix}/jobs/{job_id}",
    )


def _class(index: int | None, labels: tuple[str, ...]) -> ClassBody | None:
    return None if index is None else ClassBody(index=index, label=labels[index])


def _error(error: ItemError | None) -> ItemErrorBody | None:
    return error and ItemErrorBody(code=error.code, message=error.message)
