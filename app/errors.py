"""What can be wrong with a request, or with the moment it comes at.

AppError
+-- UnknownSetting         an APP_ variable that is no setting; at start only
+-- InvalidSetting         a setting of the wrong type or out of range; at start only
+-- InvalidRequest         parameters out of range; `.errors` names each
+-- NotMultipart           a body that is not multipart/form-data, nor else what is read there
+-- MalformedForm          a body that says it is multipart and is not
+-- BodyTooLarge           more bytes than are read
+-- BodyTimeout            a body that does not arrive
+-- TooManyUploads         bodies at a time that would fill the memory
+-- MalformedRequest       what is no HTTP
+-- HeadTooLarge           a longer head than is read
+-- HeadTimeout            a head that does not arrive
+-- BadImage               an upload that cannot be certified; wraps model_store's ImageError
+-- HostNotAllowed         a Host header that is not ours
+-- CrossSiteRequest       a browser sent this for another site
+-- QueueFull              too many draws are waiting
+-- IdempotencyConflict    a key or id that names an earlier request, which was another one
+-- NotReady               Redis is away, or no worker is alive
+-- CertificateNotReady    the job is not finished
+-- CertificateNeverComes  the job ended without one

How each becomes an answer is one table, in problems.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from model_store.errors import ImageError

Limit = Mapping[str, object]
"""What a value had to respect: keys such as minimum, maximum, supported."""

Nearest = str | int | float | None
"""A value that would do, as near as can be to one that does not."""

MAX_ECHO = 100

IMAGE_TYPES = ("image/png", "image/jpeg", "image/webp")
"""Content types of a body that is an image and nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """One thing that is wrong.

    Attributes:
        field: Name of the form field, query parameter or header; "body" for all of it.
        value: What was sent, shortened; None where nothing was, or where it is no text.
        detail: What is wrong with it, in words.
        limit: What would have been right; None where there is no bound to name.
        nearest: The value nearest to the one sent that would do, where that has a meaning.
    """

    field: str
    value: str | int | float | None
    detail: str
    limit: Limit | None = None
    nearest: Nearest = None


def echo(value: str) -> str:
    """`value`, cut to a length that is safe to send back."""
    return value if len(value) <= MAX_ECHO else value[:MAX_ECHO] + "..."


class AppError(Exception):
    """Root of this package's errors.

    Attributes:
        errors: What is wrong, as far as it has a place in the request.
        retry_after_s: When it is worth asking again; None where that is not known.
        headers: What else the answer says.
    """

    errors: Sequence[FieldError] = ()
    retry_after_s: int | None = None
    headers: Mapping[str, str] = MappingProxyType({})


class UnknownSetting(AppError):
    """A variable that looks like a setting and is none."""

    def __init__(self, name: str, *, nearest: str) -> None:
        super().__init__(f"{name} is not a setting; did you mean {nearest}?")


class InvalidSetting(AppError):
    """A setting whose value cannot be used; the message names its variable, not its value."""


class InvalidRequest(AppError):
    """Parameters that no certificate can be computed for; `.errors` has at least one."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(f"{error.field}: {error.detail}" for error in errors))


class NotMultipart(AppError):
    """The body is not multipart/form-data, nor anything else that would do.

    Args:
        content_type: As it was sent.
        others: Content types that would do as well.
    """

    def __init__(self, content_type: str | None, *, others: Sequence[str] = ()) -> None:
        alternative = ", or the type of an image" if others else ""
        self.errors = (
            FieldError(
                field="Content-Type",
                value=None if content_type is None else echo(content_type),
                detail=f"must be multipart/form-data{alternative}",
                limit={"supported": ["multipart/form-data", *others]},
            ),
        )
        said = f"got {echo(content_type)!r}" if content_type else "the header is missing"
        named = f" or one of {', '.join(others)}" if others else ""
        super().__init__(f"Content-Type must be multipart/form-data{named}, {said}")


class MalformedForm(AppError):
    """The body is not the multipart/form-data that its header announces."""


class BodyTooLarge(AppError):
    """The body is longer than will be read.

    Args:
        declared: Its Content-Length, or None where it was sent in chunks.
        limit: Most bytes that are read.
    """

    def __init__(self, *, declared: int | None, limit: int) -> None:
        self.errors = (
            FieldError(
                field="body",
                value=declared,
                detail=f"must be at most {limit} bytes",
                limit={"max_bytes": limit},
            ),
        )
        size = f"is {declared} bytes" if declared is not None else "is longer"
        super().__init__(f"the body must be at most {limit} bytes, it {size}")


class BodyTimeout(AppError):
    """The body did not arrive in time."""

    def __init__(self, limit_s: float) -> None:
        super().__init__(f"the body must arrive within {limit_s:g} seconds")


class TooManyUploads(AppError):
    """The bodies that are being received, and used, are as many bytes as may be held."""

    retry_after_s = 1

    def __init__(self, limit: int) -> None:
        super().__init__(f"at most {limit} bytes of uploads are held at a time; come again")


class MalformedRequest(AppError):
    """What was sent is no HTTP/1.1."""


class HeadTooLarge(AppError):
    """Target and headers are longer than will be read."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"target and headers must be at most {limit} bytes together")


class HeadTimeout(AppError):
    """The head of a request did not arrive in time."""

    def __init__(self, limit_s: float) -> None:
        super().__init__(f"the head of a request must arrive within {limit_s:g} seconds")


class BadImage(AppError):
    """The upload cannot become a certified image.

    Args:
        error: What is wrong with it.
        num_bytes: Length of the upload.
        limit: What uploads are held to.
        hint: What may help, said after it.

    Attributes:
        reason: Stable code of what is wrong.
    """

    def __init__(self, error: ImageError, *, num_bytes: int, limit: Limit, hint: str = "") -> None:
        told = f"{error}{hint}"
        self.reason = error.reason
        self.errors = (
            FieldError(
                field="image",
                value=f"{num_bytes} bytes",
                detail=f"{error.reason}: {told}",
                limit=limit,
            ),
        )
        super().__init__(told)


class HostNotAllowed(AppError):
    """The Host header names somebody else."""

    def __init__(self, host: str | None) -> None:
        super().__init__(
            "one Host header is needed" if host is None else f"{echo(host)!r} is not served here"
        )


class CrossSiteRequest(AppError):
    """A page of another site made a browser send this."""


class QueueFull(AppError):
    """So many draws wait that a new job would only wait too.

    Args:
        backlog: Draws that are waiting.
        limits: From which on jobs are refused: backlog_draws and backlog_jobs.
        retry_after_s: When a job of this size is expected to fit; None if it never will.
    """

    def __init__(self, *, backlog: int, limits: Limit, retry_after_s: int | None) -> None:
        told = f"{backlog} draws are waiting"
        self.errors = (FieldError(field="n", value=None, detail=told, limit=limits),)
        self.retry_after_s = retry_after_s
        when = "no waiting helps" if retry_after_s is None else f"try again in {retry_after_s} s"
        super().__init__(
            f"{told} for this model; at most {limits['backlog_draws']} draws "
            f"and {limits['backlog_jobs']} jobs may; {when}"
        )


class IdempotencyConflict(AppError):
    """A key or id that names an earlier request, which was another one.

    Args:
        field: "Idempotency-Key" or "job_id".
        value: As it was sent.
    """

    def __init__(self, *, field: str, value: str) -> None:
        detail = "names an earlier request that was another one"
        self.errors = (FieldError(field=field, value=echo(value), detail=detail),)
        super().__init__(
            f"{field} {echo(value)!r} was used for another request; take another for this one"
        )


class NotReady(AppError):
    """The process runs and cannot certify yet."""

    retry_after_s = 5


class CertificateNotReady(AppError):
    """The job is still queued or running."""


class CertificateNeverComes(AppError):
    """The job ended as failed, cancelled or expired."""
