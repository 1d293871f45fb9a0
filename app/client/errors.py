"""What can go wrong for a client of the service.

ClientError
+-- InvalidArgument        the URL, the key or the file cannot be used; nothing was sent
+-- ServiceUnreachable     nothing answers at the address
+-- UnexpectedAnswer       what answers is not this service, or a proxy that sends us elsewhere
+-- WaitedTooLong          it had not ended in time; it goes on
+-- NoCertificate          the job ended without one; `.status` says why
+-- InvalidWebhook         a delivery that this service did not sign, or that is too old
+-- ProblemAnswer          the service refused or failed; its problem's fields are kept
    +-- RequestRefused       400, 413, 415, 422 and other 4xx: send something else
    +-- Unauthorized         401: a key is missing, wrong or revoked
    +-- Forbidden            403: the key may not do this
    +-- NotFound             404: there is none, or it is another key's
    +-- Conflict             409: it has ended otherwise, or not yet
    +-- Gone                 410: it was there, and was deleted or has expired
    +-- TooManyRequests      429: a limit of the key; `.retry_after_s`
    +-- ServiceUnavailable   502, 503, 504: full, starting or away; `.retry_after_s`
    +-- ServiceFailed        any other 5xx
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.client.views import Fault, JobStatus


class ClientError(Exception):
    """Root of this package's errors; the message is meant for people."""


class InvalidArgument(ClientError):
    """The URL, the key or the file cannot be used; nothing was sent."""


class ServiceUnreachable(ClientError):
    """Nothing answers at the address."""


class UnexpectedAnswer(ClientError):
    """What answers is not this service."""


class WaitedTooLong(ClientError):
    """It had not ended in time; it goes on."""


class InvalidWebhook(ClientError):
    """The delivery is not of this service, or too old, and must not be believed."""


class NoCertificate(ClientError):
    """The job ended without a certificate.

    Attributes:
        status: The job as it ended.
    """

    def __init__(self, status: "JobStatus") -> None:
        super().__init__(
            f"job {status.id} {status.state}{f': {status.error}' if status.error else ''}"
        )
        self.status = status


class ProblemAnswer(ClientError):
    """The service answered with an error (RFC 9457).

    Attributes:
        status: HTTP status.
        kind: Stable name of the kind of problem, the end of its `type`; "" from a proxy.
        title: What kind of problem it is.
        detail: What is wrong.
        errors: Each fault of the request.
        request_id: Finds the request in the service's log.
        retry_after_s: Seconds after which to try again, if the service said so.
    """

    def __init__(
        self,
        *,
        status: int,
        title: str,
        detail: str,
        kind: str = "",
        errors: "tuple[Fault, ...]" = (),
        request_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.title = title
        self.detail = detail
        self.errors = errors
        self.request_id = request_id
        self.retry_after_s = retry_after_s


class RequestRefused(ProblemAnswer):
    """The request is wrong; send something else."""


class Unauthorized(ProblemAnswer):
    """A key is missing, wrong or revoked."""


class Forbidden(ProblemAnswer):
    """The key may not do this."""


class NotFound(ProblemAnswer):
    """There is none, or it is another key's."""


class Conflict(ProblemAnswer):
    """It has ended otherwise, or not yet."""


class Gone(ProblemAnswer):
    """It was there, and was deleted or has expired."""


class TooManyRequests(ProblemAnswer):
    """A limit of the key."""


class ServiceUnavailable(ProblemAnswer):
    """The service is full, starting or away."""


class ServiceFailed(ProblemAnswer):
    """The service made a mistake."""


_OF_STATUS: dict[int, type[ProblemAnswer]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    429: TooManyRequests,
    502: ServiceUnavailable,
    503: ServiceUnavailable,
    504: ServiceUnavailable,
}


def problem_class(status: int) -> type[ProblemAnswer]:
    """The error for an HTTP status of 400 or above."""
    return _OF_STATUS.get(status, ServiceFailed if status >= 500 else RequestRefused)
