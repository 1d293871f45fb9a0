"""What can be wrong with an evaluation.

EvaluationError
+-- BadArchive              no zip, or one with something in it that no folder of images needs
+-- EvaluationTooLarge      more images, bytes or draws than one evaluation may have
+-- NothingToEvaluate       not one image of it can be evaluated
+-- TooManyEvaluations      the caller has as many under way as it may
+-- EvaluationsFull         images of evaluations take all the room that they may
"""

from collections.abc import Sequence

from app.errors import AppError, FieldError, InvalidRequest, Limit, echo


class EvaluationError(AppError):
    """Root of this room's errors."""


class BadArchive(EvaluationError):
    """No archive, or one with something in it that no folder of images needs."""

    def __init__(
        self, detail: str, *, entry: str | None = None, limit: Limit | None = None
    ) -> None:
        shown = None if entry is None else echo(entry)
        self.errors = (FieldError(field="archive", value=shown, detail=detail, limit=limit),)
        super().__init__(detail if shown is None else f"{shown!r} {detail}")


class EvaluationTooLarge(EvaluationError):
    """More images, bytes or draws than one evaluation may have."""

    def __init__(self, fault: FieldError) -> None:
        self.errors = (fault,)
        super().__init__(f"{fault.field}: {fault.detail}")


class NothingToEvaluate(InvalidRequest):
    """Not one image can be evaluated; `.errors` says why, of the first few."""

    def __init__(self, errors: Sequence[FieldError], *, total: int) -> None:
        super().__init__(errors)
        self.args = (f"none of {total} images can be evaluated: {self}",)


class TooManyEvaluations(EvaluationError):
    """The caller has as many evaluations under way as it may.

    Args:
        limit: How many.
        retry_after_s: When one of them should have ended.
    """

    def __init__(self, limit: int, *, retry_after_s: int) -> None:
        detail = f"at most {limit} evaluations of yours may be under way"
        self.errors = (
            FieldError(field="body", value=None, detail=detail, limit={"evaluations": limit}),
        )
        self.retry_after_s = retry_after_s
        super().__init__(f"{detail}; try again in {retry_after_s} s")


class EvaluationsFull(EvaluationError):
    """Images of evaluations take all the room that they may.

    Args:
        limit: How many bytes.
        retry_after_s: When it is worth asking again.
    """

    def __init__(self, limit: int, *, retry_after_s: int) -> None:
        detail = f"at most {limit} bytes of images may wait for their turn"
        self.errors = (
            FieldError(field="body", value=None, detail=detail, limit={"waiting_bytes": limit}),
        )
        self.retry_after_s = retry_after_s
        super().__init__(f"{detail}; try again in {retry_after_s} s")
