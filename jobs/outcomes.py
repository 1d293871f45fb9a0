"""What the store answers to a worker."""

from dataclasses import dataclass
from typing import Literal

from jobs.record import Chunk, JobSpec, Maker
from smoothing.votes import Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What a worker must know to draw for a job.

    Attributes:
        spec: What was asked.
        job_key: 32 secret bytes from which the noise is made.
        tensor: The certified tensor, float32 little-endian, channels first.
    """

    spec: JobSpec
    job_key: bytes
    tensor: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """Whether to draw a chunk.

    Attributes:
        outcome: "granted"; "suspect" (its last worker died: begin again, alone); "leased" (another
            live worker has it); "committed"; "gone" (the job ended); "refused" (no such chunk).
        complete: The job's request has all its votes, and may wait to be advanced.
    """

    outcome: Literal["granted", "suspect", "leased", "committed", "gone", "refused"]
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What became of a chunk's votes.

    Attributes:
        outcome: "accepted", "duplicate" (another's votes count), "gone" or "refused".
        complete: The job's request has all its votes, and may wait to be advanced.
        following: The chunks to send next.
        drawn: Draws of the job that count by now, where these were accepted.
    """

    outcome: Literal["accepted", "duplicate", "gone", "refused"]
    complete: bool
    following: tuple[Chunk, ...]
    drawn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A running job with its votes.

    Attributes:
        spec: What was asked.
        job_key: 32 secret bytes.
        step: Requests that the job has completed and left behind; for compare-and-set.
        started_at: When it was admitted.
        complete: Whether the present request has all its votes.
        chunks: Per phase, start -> (stop, sparse votes).
        makers: Of these votes, each once.
        attempts: Distinct questions asked of the service about this image and this model so far,
            by whomever, this one included: another noise, mode, confidence or number of draws is
            another question.
    """

    spec: JobSpec
    job_key: bytes
    step: int
    started_at: float
    complete: bool
    chunks: dict[Phase, dict[int, tuple[int, dict[str, int]]]]
    makers: tuple[Maker, ...]
    attempts: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Revived:
    """A job that was stuck, and what it needs: to be advanced, or its chunks sent again."""

    job_id: str
    advance: bool
    chunks: tuple[Chunk, ...]
