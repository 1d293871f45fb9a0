"""The record of an evaluation: a labelled set of images, one job an image, how each ended."""

from dataclasses import dataclass
from enum import StrEnum

from jobs.caller import Caller
from jobs.record import ModelRef, WebhookRef
from smoothing.params import SmoothingParams


class EvaluationState(StrEnum):
    """Where an evaluation stands.

    SUCCEEDED has at least one certificate or abstention, FAILED has none. CANCELLED and EXPIRED
    keep what had ended by then.
    """

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def terminal(self) -> bool:
        """Whether the evaluation can never change again."""
        return self not in (EvaluationState.QUEUED, EvaluationState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSpec:
    """What was asked; never changes.

    Attributes:
        id: UUIDv7.
        name: What the caller calls it; "" for nothing.
        caller: Who asked, with the quota of then.
        model: The base classifier.
        params: Of every certificate.
        draws_each: Draws that an image may take, as far as is known before its first.
        created_at: Seconds since 1970, UTC.
        deadline_at: When it expires if it has not ended, seconds since 1970.
        request_id: Id of the HTTP request that asked for it.
        payload_sha256: Hex digest of what was sent, for one that the client has named.
        webhook: Whom to tell of its end; None for nobody.
    """

    id: str
    name: str
    caller: Caller
    model: ModelRef
    params: SmoothingParams
    draws_each: int
    created_at: float
    deadline_at: float
    request_id: str | None = None
    payload_sha256: str | None = None
    webhook: WebhookRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemError:
    """Why an image has no certificate.

    Attributes:
        code: Stable name.
        message: For people.
    """

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An image as it was given.

    Attributes:
        name: Of its file, shortened; "" where it had none.
        label: Index of its class; None where its label is none of the model's.
        error: Why it cannot be evaluated; None if it can, as far as is known.
    """

    name: str
    label: int | None
    error: ItemError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How an image ended.

    Attributes:
        state: As its job's; "error" where it has no job, "deleted" where its job was.
        job_id: Its job; None where it has none.
        predicted: The certified class; None for an abstention, and where there is no certificate.
        certified: Whether there is a certificate, an abstention's included.
        radius: Certified, in units of a [0, 1] pixel; 0 for an abstention.
        draws: That were made for it.
        seconds: That its certificate took.
        error: Why there is no certificate, where there is something to say.
    """

    state: str
    job_id: str | None = None
    predicted: int | None = None
    certified: bool = False
    radius: float = 0.0
    draws: int = 0
    seconds: float = 0.0
    error: ItemError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A live job of an evaluation.

    Attributes:
        index: Of its image.
        job_id: The job.
        state: "queued" or "running".
        draws_done: Draws whose votes are committed.
        draws_planned: Draws that it is now expected to need in all.
    """

    index: int
    job_id: str
    state: str
    draws_done: int
    draws_planned: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """An evaluation as read at one moment.

    Attributes:
        spec: What was asked.
        state: Where it stands.
        version: Grows with every change of it or of one of its jobs.
        finished_at: When it ended, seconds since 1970.
        num_items: Images, those that cannot be evaluated included.
        num_ended: Images that will not change any more.
        num_pending: Images whose job is still to be submitted.
        draws_ended: Draws of the jobs that have ended.
        children: The live jobs.
        items: All images, in order; empty where they were not asked for.
        results: Index -> how it ended, of those that have.
    """

    spec: EvaluationSpec
    state: EvaluationState
    version: int
    finished_at: float | None
    num_items: int
    num_ended: int
    num_pending: int
    draws_ended: int
    children: tuple[Child, ...]
    items: tuple[Item, ...]
    results: dict[int, Result]

    @property
    def draws_done(self) -> int:
        """Draws made so far."""
        return self.draws_ended + sum(child.draws_done for child in self.children)

    @property
    def draws_planned(self) -> int:
        """Draws that it is now expected to take in all."""
        live = sum(child.draws_planned for child in self.children)
        return self.draws_ended + live + self.num_pending * self.spec.draws_each
