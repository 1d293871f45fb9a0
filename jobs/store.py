"""The job store as the web process uses it: submit, read, cancel, delete, and who is working.

Each function returns a `Command`; a runner carries it out. Times are seconds since 1970, UTC, and
always passed in, from a clock that all machines share well enough (NTP).
"""

import logging
from typing import Any, Literal, cast

from jobs.codec import dump_spec, load_object, load_spec, load_worker
from jobs.command import Command, script
from jobs.errors import JobNotCancellable, JobNotFound, MalformedRecord
from jobs.keys import document_digest
from jobs.record import (
    Backlog,
    Job,
    JobError,
    JobSpec,
    JobState,
    Progress,
    Submitted,
    WorkerInfo,
)
from smoothing.certificate import Phase
from smoothing.procedures import DrawMore, procedure_for

logger = logging.getLogger(__name__)

MAX_BACKLOG_DRAWS = 20_000_000
MAX_BACKLOG_JOBS = 1_000


def _text(value: bytes | None) -> str:
    return "" if value is None else value.decode()


def _number(value: bytes | None) -> float | None:
    return None if value is None else float(value)


def _object(value: bytes | None) -> dict[str, Any] | None:
    return None if value is None else load_object(value)


def submit(
    spec: JobSpec,
    *,
    job_key: bytes,
    tensor: bytes,
    now: float,
    max_backlog_draws: int = MAX_BACKLOG_DRAWS,
    max_backlog_jobs: int = MAX_BACKLOG_JOBS,
) -> Command[Submitted]:
    """Queue a job, unless its certificate is known or an identical job is in flight.

    Args:
        spec: What is asked; `spec.request_digest` must be that of its parts.
        job_key: 32 bytes, see `keys.job_key`.
        tensor: The certified tensor, float32 little-endian, channels first.
        now: Current time.
        max_backlog_draws: Refuse when the model's outstanding draws would exceed this.
        max_backlog_jobs: Refuse when the model already has this many live jobs.
    """
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
    )
    return Command(call=script("submit"), args=args, parse=_submitted)


def _submitted(answer: Any) -> Submitted:
    outcome, job_id, draws = answer
    return Submitted(
        outcome=cast(Literal["created", "joined", "cached", "full"], _text(outcome)),
        job_id=_text(job_id) or None,
        backlog_draws=int(draws),
    )


def read(job_id: str, *, now: float) -> Command[Job | None]:
    """The job as it stands, or None; a live job past its deadline expires on being read."""
    return Command(call=script("read"), args=(job_id, now), parse=lambda a: _job(a, now))


def version(job_id: str) -> Command[int | None]:
    """The job's version alone, or None; cheap enough to ask many times a second.

    It does not notice a deadline; `read` does.
    """
    args = (f"dmae:job:{{{job_id}}}", "version")
    return Command(call="HGET", args=args, parse=lambda a: None if a is None else int(a))


def tensor(job_id: str) -> Command[bytes | None]:
    """The certified tensor's bytes (float32 little-endian), kept as long as the job."""
    return Command(call="GET", args=(f"dmae:job:{{{job_id}}}:image",), parse=lambda a: a)


def cancel(job_id: str, *, now: float) -> Command[None]:
    """Cancel a job; a second cancel changes nothing.

    A job that has shown an interim certificate succeeds with the last one instead.

    Raises (when run):
        JobNotFound: No such job.
        JobNotCancellable: It succeeded by itself, failed or expired before.
    """

    def parse(answer: Any) -> None:
        state = _text(answer)
        if not state:
            raise JobNotFound(job_id)
        if state != JobState.CANCELLED:
            raise JobNotCancellable(job_id, state)

    return Command(call=script("cancel"), args=(job_id, now), parse=parse)


def delete(job_id: str, *, now: float) -> Command[None]:
    """Erase a job's image and record now, cancelling it if need be.

    Chunks in flight find it gone. The certificate of a finished job stays in the cache, which
    holds no image.

    Raises (when run):
        JobNotFound: No such job.
    """

    def parse(answer: Any) -> None:
        if not int(answer):
            raise JobNotFound(job_id)

    return Command(call=script("delete"), args=(job_id, now), parse=parse)


def server_secret(candidate: bytes) -> Command[bytes]:
    """The secret from which job keys are made: the one kept in Redis, else `candidate` from now on.

    Args:
        candidate: 32 fresh random bytes.
    """
    if len(candidate) != 32:
        raise ValueError(f"the server secret is 32 bytes, got {len(candidate)}")
    return Command(
        call=script("secret"), args=(candidate.hex(),), parse=lambda a: bytes.fromhex(_text(a))
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


def _job(answer: Any, now: float) -> Job | None:
    if answer is None:
        return None
    spec, state, revision, phase, done, planned, started, finished, last, *rest = answer
    document, interim, code, message, cached = rest
    job_state = JobState(_text(state))
    return Job(
        spec=load_spec(spec),
        state=job_state,
        version=int(revision),
        progress=_progress(
            Phase(_text(phase)),
            int(done),
            int(planned),
            _number(started),
            _number(last),
            now=None if job_state.terminal else now,
        ),
        certificate=_object(document),
        interim=_object(interim),
        error=None if code is None else JobError(code=_text(code), message=_text(message)),
        cached=cached == b"1",
        started_at=_number(started),
        finished_at=_number(finished),
    )


def _progress(
    phase: Phase,
    done: int,
    planned: int,
    started: float | None,
    last: float | None,
    *,
    now: float | None,
) -> Progress:
    speed = eta = None
    if started is not None and last is not None and done > 0 and last > started:
        speed = done / (last - started)
        if now is not None:
            # Time that passed without a commit is time in which draws were made.
            eta = max(0.0, (planned - done) / speed - (now - last))
    return Progress(
        phase=phase, draws_done=done, draws_planned=planned, draws_per_s=speed, eta_s=eta
    )
