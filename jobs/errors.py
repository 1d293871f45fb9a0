"""What can go wrong with jobs.

JobsError
    JobNotFound         no such job, or it is another tenant's
        JobGone         there was one; it was deleted or has been forgotten
    UnknownCursor       the page that follows it cannot be found
    JobNotCancellable   it ended before the cancel came
    EvaluationNotFound         no such evaluation, or it is another tenant's
        EvaluationGone         there was one; it was deleted or has been forgotten
    EvaluationNotCancellable   it ended before the cancel came
    StoreUnavailable    Redis is away or cannot write now: nothing is known to have happened
    MalformedRecord     what the store holds is not what this version writes
"""


class JobsError(Exception):
    """Root of all errors of `jobs`."""


class JobNotFound(JobsError):
    """No such job, or it is another tenant's.

    Attributes:
        job_id: The id that was asked for.
    """

    def __init__(self, job_id: str) -> None:
        super().__init__(f"there is no job {job_id!r}")
        self.job_id = job_id


class JobGone(JobNotFound):
    """There was such a job; it was deleted, or ended long ago and has been forgotten."""

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.args = (f"job {job_id!r} was deleted, or ended long ago and has been forgotten",)


class UnknownCursor(JobsError):
    """No page of the list follows this cursor: it was never given, or too long ago."""

    def __init__(self, cursor: str) -> None:
        super().__init__(f"no page follows the cursor {cursor!r}")


class JobNotCancellable(JobsError):
    """The job ended, other than by a cancel, before the cancel came.

    Attributes:
        job_id: The job.
        state: The terminal state that it is in, as stored ("succeeded", "failed", "expired").
    """

    def __init__(self, job_id: str, state: str) -> None:
        super().__init__(f"job {job_id!r} has ended ({state}) and cannot be cancelled")
        self.job_id = job_id
        self.state = state


class EvaluationNotFound(JobsError):
    """No such evaluation, or it is another tenant's."""

    def __init__(self, evaluation_id: str) -> None:
        super().__init__(f"there is no evaluation {evaluation_id!r}")


class EvaluationGone(EvaluationNotFound):
    """There was such an evaluation; it was deleted, or ended long ago and has been forgotten."""

    def __init__(self, evaluation_id: str) -> None:
        super().__init__(evaluation_id)
        self.args = (f"evaluation {evaluation_id!r} was deleted, or ended long ago",)


class EvaluationNotCancellable(JobsError):
    """The evaluation ended, other than by a cancel, before the cancel came."""

    def __init__(self, evaluation_id: str, state: str) -> None:
        super().__init__(
            f"evaluation {evaluation_id!r} has ended ({state}) and cannot be cancelled"
        )


class StoreUnavailable(JobsError):
    """Redis did not carry out the operation in time; every operation may be sent again."""


class MalformedRecord(JobsError):
    """The store holds a record that this version cannot read."""
