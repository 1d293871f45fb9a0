"""The record of a job: what was asked, where it stands, what came out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from smoothing.params import SmoothingParams
from smoothing.votes import Phase

Priority = Literal["interactive", "normal", "batch"]
"""What a caller's own jobs wait behind: the less urgent yield to the more urgent, never wholly."""


class JobState(StrEnum):
    """Where a job stands; an abstention is SUCCEEDED."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def terminal(self) -> bool:
        """Whether the job can never change again."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRef:
    """The base classifier that a job is about, as a function: weights alone do not fix it.

    Attributes:
        id: Name in the model store.
        weights_sha256: Hex digest of the weights file.
        precision: How the network is run, e.g. "float32".
        num_classes: Number of outputs.
        labels: One name per class, in order.
        function_sha256: Hex digest over weights, architecture, normalisation and precision (see
            `keys.model_ref`): two models with the same digest compute the same function.
    """

    id: str
    weights_sha256: str
    precision: str
    num_classes: int
    labels: tuple[str, ...]
    function_sha256: str

    def __post_init__(self) -> None:
        if len(self.labels) != self.num_classes:
            raise ValueError(
                f"{self.num_classes} classes need as many labels, got {len(self.labels)}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRef:
    """The image that a job is about: the upload, and the tensor that is certified.

    Attributes:
        upload_sha256: Hex digest of the uploaded bytes.
        tensor_sha256: Hex digest of the certified tensor's float32 little-endian bytes.
        shape: (channels, height, width) of the certified tensor.
        original_size: (width, height) of the upload, turned upright.
        spectral_norm: Largest factor by which preprocessing can stretch a difference (L2).
        rounding_slack: L2 distance that rounding in preprocessing may add, in [0, 1] pixels.
        preprocessing: What was done, in words and numbers, for the certificate.
    """

    upload_sha256: str
    tensor_sha256: str
    shape: tuple[int, int, int]
    original_size: tuple[int, int]
    spectral_norm: float
    rounding_slack: float
    preprocessing: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRef:
    """Whom to tell how a job ends.

    Attributes:
        url: Where to post to.
        events: Which ends to tell of.
    """

    url: str
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """What was asked; never changes.

    Attributes:
        id: UUIDv7, so ids sort by time.
        model: The base classifier.
        image: The image.
        params: What to certify, and how surely.
        request_digest: See `keys.request_digest`; equal requests have equal digests.
        created_at: Seconds since 1970, UTC.
        deadline_at: When the job expires if it has not ended, seconds since 1970.
        chunk_size: Draws in one unit of work.
        tenant: Whose job it is; to all others it does not exist. Those of a release without
            tenants are "local".
        priority: How urgent it is among the jobs of its tenant.
        request_id: Id of the HTTP request that asked for it.
        traceparent: W3C trace context of that request.
        webhook: Whom to tell how it ends.
        group: The evaluation that it is part of.

    What follows `chunk_size` changes no vote and is no part of any digest.
    """

    id: str
    model: ModelRef
    image: ImageRef
    params: SmoothingParams
    request_digest: str
    created_at: float
    deadline_at: float
    chunk_size: int
    tenant: str = "local"
    priority: Priority = "normal"
    request_id: str | None = None
    traceparent: str | None = None
    webhook: WebhookRef | None = None
    group: str | None = None

    def __post_init__(self) -> None:
        if self.chunk_size < 1:
            raise ValueError(f"chunk_size must be at least 1, got {self.chunk_size}")
        if self.deadline_at <= self.created_at:
            raise ValueError(f"deadline_at must be after {self.created_at}, got {self.deadline_at}")

    def __hash__(self) -> int:
        return hash(self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a job is.

    Attributes:
        phase: The phase that is being drawn.
        draws_done: Draws whose votes are committed.
        draws_planned: Draws that the job is now expected to need in all.
        draws_per_s: Mean speed from the start to the latest commit, or None before the first.
        eta_s: Expected seconds to the end, or None while the speed is unknown or once ended.
        queue_position: 1 where it is the next of its tenant's queued jobs of this model to start,
            and so on; None once it has started.
    """

    phase: Phase
    draws_done: int
    draws_planned: int
    draws_per_s: float | None
    eta_s: float | None
    queue_position: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobError:
    """Why a job failed.

    Attributes:
        code: Stable name: "chunk_killed_workers", "chunk_failed", "model_unavailable" or
            "inconsistent_votes".
        message: For people; no traceback.
    """

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as read at one moment.

    Attributes:
        spec: What was asked.
        state: Where it stands.
        version: Grows with every visible change; for ETags and long polls.
        progress: How far it is.
        certificate: The certificate document, once SUCCEEDED.
        interim: The latest of the certificates that hold while it runs, where its mode has any.
        error: Why it FAILED.
        cached: Whether the certificate came from an earlier job.
        started_at: When a worker first took it, seconds since 1970.
        finished_at: When it ended, seconds since 1970.
    """

    spec: JobSpec
    state: JobState
    version: int
    progress: Progress
    certificate: dict[str, Any] | None
    interim: dict[str, Any] | None
    error: JobError | None
    cached: bool
    started_at: float | None
    finished_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """The unit of work: draws [start, stop) of one phase of one job."""

    job_id: str
    phase: Phase
    start: int
    stop: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """What made votes. Others may see a draw whose first two classes almost tie otherwise.

    Attributes:
        runtime: What ran the classifier, e.g. "openvino 2026.4.0, float32, 32 rows, 1 threads".
        noise_scheme: How its noise was made from the job key.
    """

    runtime: str
    noise_scheme: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerModel:
    """A model as one worker holds it.

    Attributes:
        id: Name in the model store.
        weights_sha256: Hex digest of the weights it loaded.
        draws_per_s: Speed measured at the start, then that of its latest full batches; None if the
            model could not be loaded.
        batch_size: Rows of the static batch, or None if the model could not be loaded.
        problem: Why the model could not be loaded, or None.
        runtime: What runs it, see `Maker`; None while starting, or if it could not be loaded.
        warning: Why that is not the runtime that was wanted, or None.
        function_sha256: What it computes, see `ModelRef`; None where a release did not say.
    """

    id: str
    weights_sha256: str
    draws_per_s: float | None
    batch_size: int | None
    problem: str | None = None
    runtime: str | None = None
    warning: str | None = None
    function_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerInfo:
    """What a live worker says about itself.

    Attributes:
        instance: Name of this process, never used twice.
        hostname: Where it runs.
        state: "starting" until its models are loaded and measured, then "ready".
        started_at: Seconds since 1970.
        threads: Chunks that it takes on at once.
        device: Where the models run, e.g. "cpu" or "cuda:0 NVIDIA H200".
        models: The models that it serves; while starting, by name only.
        counters: Name -> how often, or how much, since it started.
    """

    instance: str
    hostname: str
    state: Literal["starting", "ready"]
    started_at: float
    threads: int
    device: str
    models: tuple[WorkerModel, ...]
    counters: Mapping[str, float] = field(default_factory=dict[str, float])
