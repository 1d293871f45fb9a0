"""What goes over HTTP, as pydantic models; from the records of `jobs`, never the other way."""

from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from pydantic import Field

from app.bodies import Body, moment
from app.certify_form import DEFAULT_MODE
from app.fleet import Crew
from app.pacing import default_n, most_draws
from jobs.record import Job, JobSpec, JobState, ModelRef, Priority
from model_store.card import ModelCard
from smoothing.params import SmoothingParams

PICTURES = ("input", "noisy", "perturbed")
EXAMPLE_JOB_ID = "019a9f0e-8c3a-7d11-9b5e-3f1c2a4d5e6f"


class ProblemError(Body):
    """One thing that is wrong with a request."""

    field: str = Field(description="The form field, parameter or header; `body` for all of it.")
    value: str | int | float | None = Field(description="What was sent, shortened.")
    detail: str
    limit: dict[str, Any] | None = Field(description="What would have been right.")
    nearest: str | int | float | None = Field(
        description="The value nearest to the one sent that would do, where that has a meaning."
    )


class Problem(Body):
    """An error, as RFC 9457 has it."""

    type: str = Field(description="A path at which this kind of problem is explained.")
    title: str
    status: int
    detail: str
    errors: list[ProblemError]
    request_id: str | None = Field(description="Finds the request in the service's log.")


class ProgressBody(Body):
    """How far a job is."""

    phase: Literal["selection", "estimation"]
    draws_done: int
    draws_planned: int = Field(
        description="Draws that the answer is now expected to take in all; for `adaptive` the most "
        "it may take until there is a pilot, for `decide` the fewest until there are votes."
    )
    draws_per_s: float | None = Field(description="Of this job so far.")
    eta_s: float | None = Field(
        description="Expected seconds to the end; before the first draw from the work that is "
        "queued and the measured speed. Null once the job has ended."
    )
    queue_position: int | None = Field(
        description="1 where it is the next of your queued jobs of this model to start, and so "
        "on. Null once it has started, and in the answer that queued it."
    )


class JobModelBody(Body):
    """The model of a job."""

    id: str
    weights_sha256: str
    precision: str

    @classmethod
    def of(cls, model: ModelRef) -> "JobModelBody":
        """The body for the model of a job or an evaluation."""
        return cls(id=model.id, weights_sha256=model.weights_sha256, precision=model.precision)


class ImageBody(Body):
    """The image of a job."""

    sha256: str = Field(description="Of the upload, byte for byte.")
    tensor_sha256: str = Field(description="Of the certified tensor, float32 little-endian.")
    original_size: tuple[int, int] = Field(description="Width and height, turned upright.")
    preprocessing: dict[str, Any] = Field(description="What was done to the pixels.")


class JobErrorBody(Body):
    """Why a job failed."""

    code: str
    message: str


class JobLinks(Body):
    """Where to go from a job."""

    self: str
    cancel: str
    events: str = Field(description="What happens to it, as Server-Sent Events.")
    certificate: str
    jws: str = Field(description="The certificate, signed, in one piece.")
    report: str = Field(description="The certificate as a page for people, to print.")
    pictures: dict[str, str] = Field(
        description="PNG files: `input`, as the model sees it; `noisy`, one draw of the noise; "
        "`perturbed`, moved by as much as the radius."
    )
    model: str

    @classmethod
    def of(cls, spec: JobSpec, prefix: str) -> "JobLinks":
        """The links of a job.

        Args:
            spec: What was asked.
            prefix: Path under which the service is mounted.
        """
        here = f"{prefix}/jobs/{spec.id}"
        return cls(
            self=here,
            cancel=f"{here}/cancel",
            events=f"{here}/events",
            certificate=f"{here}/certificate",
            jws=f"{here}/certificate.jws",
            report=f"{here}/report",
            pictures={name: f"{here}/pictures/{name}.png" for name in PICTURES},
            model=f"{prefix}/models/{spec.model.id}",
        )


class JobBody(Body):
    """A job as it stands. An abstention is a result: its job is `succeeded`."""

    id: str = Field(examples=[EXAMPLE_JOB_ID])
    state: JobState
    progress: ProgressBody
    params: dict[str, str | int | float] = Field(
        description="What the mode reads of the request, defaults included.",
        examples=[SmoothingParams(sigma=0.25, mode="adaptive", n=100_000).stated()],
    )
    model: JobModelBody
    image: ImageBody
    certificate: dict[str, Any] | None = Field(description="Once the job has succeeded.")
    interim: dict[str, Any] | None = Field(
        description="While an `anytime` job runs: the certificate that its draws so far prove. It "
        "holds as it stands, and is what the job ends with if it is cancelled or out of time. "
        "Null in other modes, where looking early would break the guarantee."
    )
    error: JobErrorBody | None = Field(description="If the job failed.")
    cached: bool = Field(description="Whether the certificate was known before.")
    priority: Priority
    evaluation: str | None = Field(description="The evaluation that it is part of.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    deadline_at: datetime = Field(description="When the job expires if it has not ended.")
    links: JobLinks

    @classmethod
    def of(cls, job: Job, *, expected_s: float | None, prefix: str = "") -> "JobBody":
        """The body for a job.

        Args:
            job: As read from the store.
            expected_s: Seconds to its end, where the job itself cannot tell.
            prefix: Path under which the service is mounted.
        """
        spec, progress = job.spec, job.progress
        eta_s = None if job.state.terminal else progress.eta_s
        return cls(
            id=spec.id,
            state=job.state,
            progress=ProgressBody(
                phase=progress.phase.value,
                draws_done=progress.draws_done,
                draws_planned=progress.draws_planned,
                draws_per_s=_round(progress.draws_per_s),
                eta_s=_round(expected_s if eta_s is None and not job.state.terminal else eta_s),
                queue_position=progress.queue_position,
            ),
            certificate=job.certificate,
            interim=job.interim,
            error=job.error and JobErrorBody(code=job.error.code, message=job.error.message),
            cached=job.cached,
            started_at=None if job.started_at is None else moment(job.started_at),
            finished_at=None if job.finished_at is None else moment(job.finished_at),
            **_asked(spec, prefix),
        )


@lru_cache(maxsize=512)
def _asked(spec: JobSpec, prefix: str) -> dict[str, Any]:
    """What never changes of a job's body; the store reads the same spec again and again."""
    return {
        "params": spec.params.stated(),
        "model": JobModelBody.of(spec.model),
        "image": ImageBody(
            sha256=spec.image.upload_sha256,
            tensor_sha256=spec.image.tensor_sha256,
            original_size=spec.image.original_size,
            preprocessing=spec.image.preprocessing,
        ),
        "priority": spec.priority,
        "evaluation": spec.group,
        "created_at": moment(spec.created_at),
        "deadline_at": moment(spec.deadline_at),
        "links": JobLinks.of(spec, prefix),
    }


class JobsBody(Body):
    """A page of jobs."""

    jobs: list[JobBody] = Field(description="Newest first.")
    next: str | None = Field(
        description="Path of the next page; null at the end. A page may be short, and yet have one."
    )


class LiveBody(Body):
    """A model's workers at this moment, and what follows from their speed."""

    workers_ready: int
    workers_starting: int
    draws_per_s: float = Field(description="Of the ready workers together, else the card's.")
    default_n: int = Field(description="What a request gets that names neither mode nor n.")
    default_expected_s: float = Field(
        description="How long that takes at most, on an idle service; seldom so long."
    )
    problems: list[str] = Field(description="Why workers could not load the model.")


class ModelBody(Body):
    """A model: its card, as it was made, and what is live."""

    id: str
    default: bool = Field(description="Whether requests that name no model get this one.")
    card: ModelCard
    live: LiveBody

    @classmethod
    def of(cls, card: ModelCard, crew: Crew, *, default: bool, max_draws: int) -> "ModelBody":
        """The body for a card and its workers."""
        n = default_n(DEFAULT_MODE, crew.draws_per_s, at_most=max_draws)
        params = SmoothingParams(sigma=card.sigmas[0], mode=DEFAULT_MODE, n=n)
        return cls(
            id=card.id,
            default=default,
            card=card,
            live=LiveBody(
                workers_ready=crew.ready,
                workers_starting=crew.starting,
                draws_per_s=round(crew.draws_per_s, 1),
                default_n=n,
                default_expected_s=round(most_draws(params) / crew.draws_per_s, 1),
                problems=list(crew.problems),
            ),
        )


class ModelsBody(Body):
    """All models of the store."""

    models: list[ModelBody]


class AliveBody(Body):
    """The process runs."""

    status: Literal["alive"] = "alive"


class ReadyBody(Body):
    """Requests will be certified."""

    status: Literal["ready"] = "ready"
    workers_ready: int
    workers_starting: int
    models: list[str] = Field(description="Models that a ready worker holds.")
    runtimes: dict[str, list[str]] = Field(description="What runs each of them.")
    warnings: list[str] = Field(
        description="What works, but not as well as it should: a faster runtime was refused."
    )


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
