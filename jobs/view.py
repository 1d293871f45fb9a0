"""A job as read from the store's answer."""

from dataclasses import replace
from typing import Any

from jobs.codec import load_object, load_spec
from jobs.errors import JobGone
from jobs.record import Job, JobError, JobState, Progress
from smoothing.votes import Phase


def decode(value: bytes | None) -> str:
    """Text that Redis holds; empty where it holds none."""
    return "" if value is None else value.decode()


def _number(value: bytes | None) -> float | None:
    return None if value is None else float(value)


def _object(value: bytes | None) -> dict[str, Any] | None:
    return None if value is None else load_object(value)


def one_job(answer: Any, *, job_id: str, now: float) -> Job | None:
    """A job from what `read.lua` answers; None where there never was one.

    Raises:
        JobGone: There was one.
    """
    if answer == 1:
        raise JobGone(job_id)
    return None if answer == 0 else job_of(answer, now=now)


def job_of(row: Any, *, now: float) -> Job:
    """A job from its row, see `ends.lua`."""
    spec, state, revision, phase, done, planned, started, finished, last, *rest = row
    document, interim, code, message, cached, position = rest
    job_state = JobState(decode(state))
    return Job(
        spec=load_spec(spec),
        state=job_state,
        version=int(revision),
        progress=_progress(
            Progress(
                phase=Phase(decode(phase)),
                draws_done=int(done),
                draws_planned=int(planned),
                draws_per_s=None,
                eta_s=None,
                queue_position=int(position) if position else None,
            ),
            _number(started),
            _number(last),
            now=None if job_state.terminal else now,
        ),
        certificate=_object(document),
        interim=_object(interim),
        error=None if code is None else JobError(code=decode(code), message=decode(message)),
        cached=cached == b"1",
        started_at=_number(started),
        finished_at=_number(finished),
    )


def _progress(
    counted: Progress, started: float | None, last: float | None, *, now: float | None
) -> Progress:
    """With speed and time left, as far as they are known."""
    done = counted.draws_done
    if started is None or last is None or done <= 0 or last <= started:
        return counted
    speed = done / (last - started)
    eta = None
    if now is not None:
        # Time that passed without a commit is time in which draws were made.
        eta = max(0.0, (counted.draws_planned - done) / speed - (now - last))
    return replace(counted, draws_per_s=speed, eta_s=eta)
