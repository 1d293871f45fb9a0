"""The job store as the web process uses it: submit, read, cancel, delete, and who is working.

Each function returns a `Command`; a runner carries it out. Times are seconds since 1970, UTC, and
always passed in, from a clock that all machines share well enough (NTP).
"""

from typing import Any

from jobs.answers import Backlog
from jobs.codec import load_worker
from jobs.command import Command, script
from jobs.errors import JobGone, JobNotCancellable, JobNotFound
from jobs.listing import list_jobs
from jobs.record import Job, JobState, WorkerInfo
from jobs.submission import submit, usage
from jobs.view import decode, one_job

__all__ = [
    "ahead",
    "backlog",
    "cancel",
    "delete",
    "kept_secret",
    "list_jobs",
    "read",
    "server_secret",
    "submit",
    "tensor",
    "usage",
    "version",
    "workers",
]


def read(job_id: str, *, tenant: str, now: float) -> Command[Job | None]:
    """A tenant's job as it stands, or None; a live job past its deadline expires on being read.

    Raises (when run):
        JobGone: It was deleted, or ended long ago.
    """
    return Command(
        call=script("read"),
        args=(job_id, tenant, now),
        parse=lambda answer: one_job(answer, job_id=job_id, now=now),
    )


def version(job_id: str, *, tenant: str) -> Command[int | None]:
    """The version alone of a tenant's job, or None; cheap enough to ask many times a second.

    It does not notice a deadline; `read` does.
    """

    def parse(answer: Any) -> int | None:
        revision, owner = answer
        if revision is None or (owner or b"local") != tenant.encode():
            return None
        return int(revision)

    args = (f"dmae:job:{{{job_id}}}", "version", "tenant")
    return Command(call="HMGET", args=args, parse=parse)


def tensor(job_id: str, *, tenant: str) -> Command[bytes | None]:
    """The certified tensor's bytes (float32 little-endian), kept as long as the job."""
    return Command(call=script("tensor"), args=(job_id, tenant), parse=lambda answer: answer)


def cancel(job_id: str, *, tenant: str, now: float) -> Command[None]:
    """Cancel a tenant's job; a second cancel changes nothing.

    A job that has shown an interim certificate succeeds with the last one instead.

    Raises (when run):
        JobNotFound: No such job.
        JobGone: It was deleted, or ended long ago.
        JobNotCancellable: It succeeded by itself, failed or expired before.
    """

    def parse(answer: Any) -> None:
        _require(answer, job_id)
        if decode(answer) != JobState.CANCELLED:
            raise JobNotCancellable(job_id, decode(answer))

    return Command(
        call=script("cancel", even_when_full=True), args=(job_id, tenant, now), parse=parse
    )


def delete(job_id: str, *, tenant: str, now: float) -> Command[None]:
    """Erase the image and record of a tenant's job now, cancelling it if need be.

    Chunks in flight find it gone. The certificate of a finished job stays in the cache, which
    holds no image; its id is known to be gone for a week.

    Raises (when run):
        JobNotFound: No such job.
        JobGone: It was deleted before, or ended long ago.
    """
    return Command(
        call=script("delete", even_when_full=True),
        args=(job_id, tenant, now),
        parse=lambda answer: _require(answer, job_id),
    )


def _require(answer: Any, job_id: str) -> None:
    if answer == 0:
        raise JobNotFound(job_id)
    if answer == 1:
        raise JobGone(job_id)


def server_secret(candidate: bytes) -> Command[bytes]:
    """The secret from which job keys are made: the one kept in Redis, else `candidate` from now on.

    Args:
        candidate: 32 fresh random bytes.
    """
    if len(candidate) != 32:
        raise ValueError(f"the server secret is 32 bytes, got {len(candidate)}")
    return Command(
        call=script("secret"), args=(candidate.hex(),), parse=lambda a: bytes.fromhex(decode(a))
    )


def kept_secret() -> Command[bytes | None]:
    """The secret that is kept in Redis; None where none is. Makes none, unlike `server_secret`."""

    def parse(answer: bytes | None) -> bytes | None:
        return None if answer is None else bytes.fromhex(decode(answer))

    return Command(call="GET", args=("dmae:secret",), parse=parse)


def backlog(model_id: str, *, now: float) -> Command[Backlog]:
    """Work outstanding for a model."""
    return Command(
        call=script("backlog"),
        args=(model_id, now),
        parse=lambda a: Backlog(draws=int(a[0]), jobs=int(a[1])),
    )


def ahead(model_id: str, *, tenant: str, planned: int, now: float) -> Command[Backlog]:
    """The backlog as it is in the way of one more job of a tenant, its own draws included.

    Other tenants' work is not, as far as the tenant has less than an equal part of all.

    Args:
        model_id: Whose workers are waited for.
        tenant: Who would submit a job.
        planned: Draws that the job would need.
        now: Current time.
    """
    return Command(
        call=script("ahead"),
        args=(model_id, now, tenant, planned),
        parse=lambda a: Backlog(draws=int(a[0]), jobs=int(a[1])),
    )


def workers() -> Command[tuple[WorkerInfo, ...]]:
    """The workers whose heartbeat is at most some seconds old."""

    def parse(answer: Any) -> tuple[WorkerInfo, ...]:
        return tuple(info for text in answer if (info := load_worker(text)) is not None)

    return Command(call=script("workers"), args=(), parse=parse)
