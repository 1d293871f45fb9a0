"""The job store as the web process uses it: submit, read, cancel, delete, and who is working.

Each function returns a `Command`; a runner carries it out. Times are seconds since 1970, UTC, and
always passed in, from a clock that all machines share well enough (NTP).
"""

import logging
from typing import Any, cast

from jobs.answers import Backlog, Outcome, Submitted
from jobs.caller import Caller, Idempotency
from jobs.codec import dump_spec, load_worker
from jobs.command import Command, script
from jobs.errors import JobGone, JobNotCancellable, JobNotFound, MalformedRecord
from jobs.keys import document_digest
from jobs.listing import list_jobs
from jobs.record import Job, JobSpec, JobState, WorkerInfo
from jobs.view import decode, one_job
from smoothing.procedures import DrawMore, procedure_for

__all__ = [
    "backlog",
    "cancel",
    "delete",
    "list_jobs",
    "ping",
    "read",
    "server_secret",
    "submit",
    "tensor",
    "version",
    "workers",
]

logger = logging.getLogger(__name__)

MAX_BACKLOG_DRAWS = 20_000_000
MAX_BACKLOG_JOBS = 1_000


def submit(
    spec: JobSpec,
    *,
    caller: Caller,
    job_key: bytes,
    tensor: bytes,
    now: float,
    idempotency: Idempotency | None = None,
    draws_per_s: float = 1000.0,
    max_backlog_draws: int = MAX_BACKLOG_DRAWS,
    max_backlog_jobs: int = MAX_BACKLOG_JOBS,
) -> Command[Submitted]:
    """Queue a job, unless its certificate is known, its twin is in flight, or it is refused.

    Only a job that is created costs draws. Sending the same command again changes nothing, and
    gives the same answer.

    Args:
        spec: What is asked; `spec.request_digest` must be that of its parts. Its id may be one
            that the client chose.
        caller: Who asks; of the same tenant.
        job_key: 32 bytes, see `keys.job_key`.
        tensor: The certified tensor, float32 little-endian, channels first.
        now: Current time.
        idempotency: The client's name for this submission; kept for a day.
        draws_per_s: Of all workers of the model together, to tell when to come again.
        max_backlog_draws: Refuse when the model's outstanding draws would exceed this.
        max_backlog_jobs: Refuse when the model already has this many live jobs.

    Raises:
        ValueError: The spec is another tenant's.
    """
    if spec.tenant != caller.tenant:
        raise ValueError(f"a job of {spec.tenant!r} cannot be submitted by {caller.tenant!r}")
    procedure = procedure_for(spec.params, spec.model.num_classes)
    first = procedure.step({})
    if not isinstance(first, DrawMore):
        raise TypeError("a procedure must ask for draws before it has seen any")
    args = (
        spec.id,
        document_digest(spec),
        spec.model.id,
        dump_spec(spec),
        job_key.hex(),
        tensor,
        first.phase.value,
        first.start,
        first.stop,
        spec.chunk_size,
        procedure.draws_planned({}),
        now,
        spec.deadline_at,
        max_backlog_draws,
        max_backlog_jobs,
        spec.tenant,
        "" if spec.webhook is None else spec.webhook.url,
        spec.group or "",
    )
    return Command(call=script("submit"), args=args, parse=_submitted)


def _submitted(answer: Any) -> Submitted:
    outcome, job_id, draws = answer
    return Submitted(
        outcome=cast(Outcome, decode(outcome)),
        job_id=decode(job_id) or None,
        backlog_draws=int(draws),
    )


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

    return Command(call=script("cancel"), args=(job_id, tenant, now), parse=parse)


def delete(job_id: str, *, tenant: str, now: float) -> Command[None]:
    """Erase the image and record of a tenant's job now, cancelling it if need be.

    Chunks in flight find it gone. The certificate of a finished job stays in the cache, which
    holds no image; its id is known to be gone for a week.

    Raises (when run):
        JobNotFound: No such job.
        JobGone: It was deleted before, or ended long ago.
    """
    return Command(
        call=script("delete"),
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


def backlog(model_id: str, *, now: float) -> Command[Backlog]:
    """Work outstanding for a model."""
    return Command(
        call=script("backlog"),
        args=(model_id, now),
        parse=lambda a: Backlog(draws=int(a[0]), jobs=int(a[1])),
    )


def workers() -> Command[tuple[WorkerInfo, ...]]:
    """The workers whose heartbeat is at most some seconds old."""
    return Command(call=script("workers"), args=(), parse=_readable)


def _readable(heartbeats: Any) -> tuple[WorkerInfo, ...]:
    """Heartbeats of this version; another one's, during an upgrade, must not hide them."""
    found: list[WorkerInfo] = []
    for text in heartbeats:
        try:
            found.append(load_worker(text))
        except MalformedRecord:
            logger.warning("a worker of another version is left out")
    return tuple(found)


def ping() -> Command[None]:
    """Whether Redis answers at all."""
    return Command(call="PING", args=(), parse=lambda _: None)
