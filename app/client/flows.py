"""What to ask, what to make of the answer and when to ask again, without any input or output.

A flow is a generator: it yields a `Call` and is sent the answer, or yields a `Pause` and is
resumed after it. Whoever runs one needs a few lines, with or without `await`.
"""

import random
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx

from app.client.errors import (
    ClientError,
    ProblemAnswer,
    ServiceUnavailable,
    ServiceUnreachable,
    TooManyRequests,
    UnexpectedAnswer,
    problem_class,
)
from app.client.views import Fault

NOT_MODIFIED = 304
FIRST_PAUSE_S = 0.25
MOST_DOUBLINGS = 5
LONGEST_PAUSE_S = FIRST_PAUSE_S * 2**MOST_DOUBLINGS
"""Between tries, unless the service names another."""

JITTER = 0.1
"""Share by which a pause that the service named is drawn out, so that clients do not come back
all at once."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request.

    Attributes:
        method: HTTP method.
        path: Below the service's URL.
        params: Of the query.
        headers: Beside those of every request.
        data: Text fields of a form.
        files: Files of a form: (field, (name, content)).
        content: Body, where it is no form.
        held_s: Seconds for which the service was asked to hold its answer back.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    data: Mapping[str, Any] | None = None
    files: list[tuple[str, tuple[str, Any]]] | None = field(default=None, repr=False)
    content: bytes | None = field(default=None, repr=False)
    held_s: float = 0.0

    def request(self, http: "httpx.Client | httpx.AsyncClient") -> httpx.Request:
        """The request as a client builds it, with the client's URL and headers."""
        waits = http.timeout.as_dict()
        return http.build_request(
            self.method,
            self.path,
            params=self.params or None,
            headers=self.headers,
            data=self.data,
            files=self.files,
            content=self.content,
            timeout=httpx.Timeout(**{**waits, "read": (waits["read"] or 0.0) + self.held_s}),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A rest before the next request, in seconds."""

    seconds: float


Flow = Generator[Call | Pause, httpx.Response | None, T]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """For how long a request that failed in passing is made again.

    Attributes:
        total_s: Seconds for all tries; a `Retry-After` beyond them ends it at once.
        absent_s: At most that while nobody takes the connection.
        clock: Seconds of any origin.
        chance: Numbers in [0, 1).
    """

    total_s: float = 60.0
    absent_s: float = 2.0
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random

    @property
    def for_known(self) -> "Patience":
        """With a service that was there a moment ago: it will come back."""
        return replace(self, absent_s=self.total_s)

    def within(self, seconds: float) -> "Patience":
        """The same, but for no longer than so many seconds."""
        return replace(self, total_s=min(self.total_s, seconds))


def answered(call: Call, patience: Patience) -> Flow[httpx.Response]:
    """The answer to a call, which is made again while that may help.

    Raises:
        ServiceUnreachable: Nothing answered in time.
        ProblemAnswer: The service refused, or stayed full or away.
        UnexpectedAnswer: Neither success nor an error, such as a redirection.
    """
    began, tries = patience.clock(), 0
    while True:
        failure, allowed_s = None, patience.total_s
        try:
            answer = yield call
            assert answer is not None, "a call is always followed by its answer"  # noqa: S101
            if not answer.is_error:
                return _accepted(answer)
            failure = problem_in(answer)
        except httpx.RequestError as error:
            if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
                allowed_s = min(patience.absent_s, patience.total_s)
            failure = _unreachable(error)
        pause = _pause_after(failure, tries, patience.chance())
        if pause is None or patience.clock() + pause > began + allowed_s:
            raise failure
        tries += 1
        yield Pause(seconds=pause)


def asked(call: Call, patience: Patience, view: Callable[[httpx.Response], T]) -> Flow[T]:
    """What a view makes of the answer to a call.

    Raises:
        ClientError: As `answered`, or the answer has another shape than this service's.
    """
    answer = yield from answered(call, patience)
    try:
        return view(answer)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UnexpectedAnswer(
            f"{call.method} {call.path} was not answered as this service does: {error!r}"
        ) from error


def problem_in(answer: httpx.Response) -> ProblemAnswer:
    """The error that an answer of status 400 or above stands for."""
    try:
        body: Any = answer.json()
        title, detail = str(body["title"]), str(body["detail"])
        kind = str(body.get("type") or "").rpartition("/")[2]
        faults = tuple(Fault.of(fault) for fault in body.get("errors") or ())
    except (ValueError, LookupError, TypeError, AttributeError):
        kind, faults = "", ()
        title, detail = answer.reason_phrase, f"answered {answer.status_code}: {answer.text[:200]}"
    return problem_class(answer.status_code)(
        status=answer.status_code,
        kind=kind,
        title=title,
        detail=detail,
        errors=faults,
        request_id=answer.headers.get("X-Request-Id"),
        retry_after_s=_seconds(answer.headers.get("Retry-After")),
    )


def _unreachable(error: httpx.RequestError) -> ServiceUnreachable:
    try:
        where = error.request.url.netloc.decode("ascii")
    except RuntimeError:  # it never became a request
        where = "the service"
    failure = ServiceUnreachable(f"{where} does not answer: {error or type(error).__name__}")
    failure.__cause__ = error
    return failure


def _accepted(answer: httpx.Response) -> httpx.Response:
    if answer.is_success or answer.status_code == NOT_MODIFIED:
        return answer
    to = answer.headers.get("Location")
    where = f", which points to {to}" if to else ""
    raise UnexpectedAnswer(f"answered {answer.status_code}{where}; is the URL right?")


def _pause_after(failure: ClientError, tries: int, chance: float) -> float | None:
    """Seconds to wait before the next try; None where another one does not help."""
    if isinstance(failure, ServiceUnavailable | TooManyRequests):
        # "At once", said again and again, would keep a busy service busy.
        if failure.retry_after_s:
            return failure.retry_after_s * (1 + JITTER * chance)
    elif not (isinstance(failure, ServiceUnreachable) and _passes(failure.__cause__)):
        return None
    return FIRST_PAUSE_S * 2 ** min(tries, MOST_DOUBLINGS) * (0.5 + chance / 2)


def _passes(error: BaseException | None) -> bool:
    return isinstance(
        error, httpx.NetworkError | httpx.TimeoutException | httpx.RemoteProtocolError
    )


def _seconds(retry_after: str | None) -> float | None:
    """Seconds that a Retry-After header names, as a number or as a date."""
    if not retry_after:
        return None
    if retry_after.isascii() and retry_after.isdecimal():
        return float(retry_after)
    try:
        return max(parsedate_to_datetime(retry_after).timestamp() - time.time(), 0.0)
    except (ValueError, OverflowError):
        return None
