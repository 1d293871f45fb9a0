"""What goes over HTTP about webhooks: messages, deliveries, and the secret that signs them."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from app.bodies import Body, moment
from jobs.deliveries import Attempt, Delivery
from jobs.evaluation_record import Evaluation, EvaluationState
from jobs.record import Job, JobState

Event = Literal["job.succeeded", "job.failed", "job.cancelled", "job.expired"]
EvaluationEvent = Literal[
    "evaluation.succeeded", "evaluation.failed", "evaluation.cancelled", "evaluation.expired"
]
_TOLD = ("verdict", "decision", "predicted", "radius", "sigma", "alpha", "mode")


class MessageLinks(Body):
    """Where to read on, as paths on the service that sent the message."""

    self: str
    certificate: str | None


class MessageData(Body):
    """A job that has ended, in short; no pixels."""

    id: str
    state: JobState
    model: str
    image_sha256: str = Field(description="Of the upload, byte for byte.")
    created_at: datetime
    finished_at: datetime
    certificate: dict[str, Any] | None = Field(
        description="Of the certificate: " + ", ".join(_TOLD) + ". The whole is at "
        "`links.certificate`, which is where to get it from if it matters."
    )
    error: dict[str, str] | None = Field(description="`code` and `message`, if the job failed.")
    links: MessageLinks


class MessageBody(Body):
    """What a receiver gets, as Standard Webhooks has it."""

    type: Event
    timestamp: datetime = Field(description="When the job ended.")
    data: MessageData

    @classmethod
    def of(cls, job: Job) -> "MessageBody":
        """The message about a job that has ended."""
        spec, here = job.spec, f"/jobs/{job.spec.id}"
        certificate = job.certificate
        finished_at = moment(job.finished_at or spec.created_at)
        return cls.model_validate(
            {
                "type": f"job.{job.state.value}",
                "timestamp": finished_at,
                "data": MessageData(
                    id=spec.id,
                    state=job.state,
                    model=spec.model.id,
                    image_sha256=spec.image.upload_sha256,
                    created_at=moment(spec.created_at),
                    finished_at=finished_at,
                    certificate=certificate and {key: certificate.get(key) for key in _TOLD},
                    error=job.error and {"code": job.error.code, "message": job.error.message},
                    links=MessageLinks(
                        self=here, certificate=f"{here}/certificate" if certificate else None
                    ),
                ),
            }
        )


class EvaluationMessageLinks(Body):
    """Where to read on, as paths on the service that sent the message."""

    self: str
    table: str
    plot: str


class EvaluationMessageData(Body):
    """An evaluation that has ended, in short."""

    id: str
    name: str
    state: EvaluationState
    model: str
    items: int = Field(description="Images.")
    results: int = Field(description="Of them, those with a certificate or an abstention.")
    created_at: datetime
    finished_at: datetime
    links: EvaluationMessageLinks


class EvaluationMessageBody(Body):
    """What the receiver of an evaluation gets; the figures are at `links.self`."""

    type: EvaluationEvent
    timestamp: datetime = Field(description="When the evaluation ended.")
    data: EvaluationMessageData

    @classmethod
    def of(cls, evaluation: Evaluation) -> "EvaluationMessageBody":
        """The message about an evaluation that has ended, read with its images."""
        spec, here = evaluation.spec, f"/evaluations/{evaluation.spec.id}"
        finished_at = moment(evaluation.finished_at or spec.created_at)
        return cls.model_validate(
            {
                "type": f"evaluation.{evaluation.state.value}",
                "timestamp": finished_at,
                "data": EvaluationMessageData(
                    id=spec.id,
                    name=spec.name,
                    state=evaluation.state,
                    model=spec.model.id,
                    items=evaluation.num_items,
                    results=sum(result.certified for result in evaluation.results.values()),
                    created_at=moment(spec.created_at),
                    finished_at=finished_at,
                    links=EvaluationMessageLinks(
                        self=here, table=f"{here}.tsv", plot=f"{here}/plot.svg"
                    ),
                ),
            }
        )


class AttemptBody(Body):
    """One try to deliver a message."""

    at: datetime
    duration_s: float
    status: int | None = Field(description="What the receiver answered, where it did.")
    error: str | None = Field(
        description="What went wrong: `refused`, `unresolved`, `unreachable`, `timeout` or "
        "`status`, a colon, and words. Null where the message arrived."
    )

    @classmethod
    def of(cls, attempt: Attempt) -> "AttemptBody":
        """The body for an attempt."""
        return cls(
            at=moment(attempt.at),
            duration_s=attempt.duration_s,
            status=attempt.status,
            error=attempt.error,
        )


class DeliveryBody(Body):
    """A message about a job or an evaluation, and how far it has come."""

    number: int = Field(description="Among its deliveries, from 1.")
    message_id: str = Field(description="The header `webhook-id`, the same in every attempt.")
    event: str
    url: str
    state: Literal["pending", "delivered", "failed"] = Field(
        description="`failed`: given up, after about a day, or since trying again is of no use."
    )
    attempts: list[AttemptBody]
    next_attempt_at: datetime | None

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryBody":
        """The body for a delivery."""
        due = delivery.next_attempt_at
        return cls(
            number=delivery.number,
            message_id=delivery.message.id,
            event=delivery.message.event,
            url=delivery.message.url,
            state=delivery.state,
            attempts=[AttemptBody.of(attempt) for attempt in delivery.attempts],
            next_attempt_at=None if due is None else moment(due),
        )


class DeliveriesBody(Body):
    """All messages about a job, or about an evaluation."""

    deliveries: list[DeliveryBody]


class SecretBody(Body):
    """What messages are signed with."""

    secret: str = Field(description="Signs every message.", examples=["whsec_3q2+7w=="])
    previous: str | None = Field(description="The one before it, while it signs too.")
    previous_until: datetime | None
