"""A job as one line of a list."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.bodies import moment
from app.pages import words
from jobs.record import Job, JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A job in a list.

    Attributes:
        id: Of the job.
        title: What came out, or where it stands.
        mode: Which question.
        sigma: Of the noise.
        model: Id of the model.
        state: In a word.
        badge: How the state is set off: "good", "none", "wait" or "bad".
        sign: The same for the eye.
        at: When it was submitted.
    """

    id: str
    title: str
    mode: str
    sigma: str
    model: str
    state: str
    badge: str
    sign: str
    at: datetime


_BADGES = {
    JobState.QUEUED: ("wait", "…"),
    JobState.RUNNING: ("wait", "▸"),
    JobState.SUCCEEDED: ("good", "✓"),
    JobState.FAILED: ("bad", "!"),
    JobState.CANCELLED: ("none", "○"),
    JobState.EXPIRED: ("none", "○"),
}


def job_row(job: Job) -> Row:
    """A job's line."""
    badge, sign = _BADGES[job.state]
    empty = job.certificate is not None and job.certificate["predicted"] is None
    return Row(
        id=job.spec.id,
        title=title(job),
        mode=job.spec.params.mode,
        sigma=f"{job.spec.params.sigma:g}",
        model=job.spec.model.id,
        state="Abstained" if empty else words.STATES[job.state],
        badge="none" if empty else badge,
        sign="○" if empty else sign,
        at=moment(job.spec.created_at),
    )


def title(job: Job) -> str:
    """What came out, or where it stands."""
    document = job.certificate
    if document is None:
        progress = job.progress
        done = f"{progress.draws_done:,} of {progress.draws_planned:,} draws"
        return words.STATES[job.state] if job.state.terminal else done
    return _outcome(document)


def _outcome(document: dict[str, Any]) -> str:
    predicted, radius = document["predicted"], document["radius"]
    if predicted is None:
        return "Nothing certified"
    return f"{predicted['label']}, radius {words.floored(radius)}" if radius else predicted["label"]
