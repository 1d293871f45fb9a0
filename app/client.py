"""A small client of the service, as the command line uses it.

ClientError
+-- ServiceUnreachable   nothing answers at the address
+-- ProblemAnswer        the service refused or failed; `.detail` and `.errors` say why
+-- WaitedTooLong        the job had not ended in time; it goes on
"""

import time
from collections.abc import Callable, Iterator
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from app.client_views import JobView, ModelView, Request, job_view, model_view

DEFAULT_URL = "http://127.0.0.1:8000"
POLL_S = 5.0
"""One long poll; it ends early whenever the job moves."""

_NOT_MODIFIED = 304
_PASSING = frozenset({502, 503, 504})

PATIENCE_S = 60.0
"""How long a service that is away while a job is followed may take to come back."""


class ClientError(Exception):
    """Root of this module's errors; the message is meant for people."""


class ServiceUnreachable(ClientError):
    """Nothing answers at the address."""


class WaitedTooLong(ClientError):
    """The job had not ended in time; it goes on."""


class ProblemAnswer(ClientError):
    """The service answered with an error.

    Attributes:
        status: HTTP status.
        title: What kind of problem it is.
        detail: What is wrong.
        errors: (field, what is wrong with it) for each fault of the request.
        retry_after_s: When to try again, if the service said so.
    """

    def __init__(
        self,
        *,
        status: int,
        title: str,
        detail: str,
        errors: tuple[tuple[str, str], ...] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = errors
        self.retry_after_s = retry_after_s


class Client:
    """Talks to one service. Use as a context manager.

    Args:
        url: Where the service is.
        timeout_s: Longest wait for an answer, long polls not counted.
    """

    def __init__(self, url: str = DEFAULT_URL, *, timeout_s: float = 30.0) -> None:
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s
        host = urlsplit(url).hostname or ""
        # A proxy of the environment knows nothing of this machine.
        own = host in {"127.0.0.1", "::1", "localhost"}
        self._http = httpx.Client(base_url=self._url, timeout=timeout_s, trust_env=not own)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def submit(self, request: Request, *, patience_s: float = PATIENCE_S) -> JobView:
        """Ask for a certificate; the job may have ended already if the certificate was known.

        A full service is asked again after the time that it names.

        Args:
            request: What to certify.
            patience_s: Seconds for which a full or starting service is asked again.

        Raises:
            ProblemAnswer: The request is refused, or the service stays full.
            ServiceUnreachable: Nothing answers.
        """
        give_up = time.monotonic() + patience_s
        while True:
            try:
                answer = self._ask(
                    "POST", "/certify", data=request.fields(), files={"image": request.image}
                )
                return _job(answer)
            except ProblemAnswer as problem:
                pause = problem.retry_after_s
                if pause is None or time.monotonic() + pause > give_up:
                    raise
                time.sleep(pause)

    def job(self, job_id: str) -> JobView:
        """A job as it is now. Raises ClientError."""
        return _job(self._ask("GET", f"/jobs/{job_id}"))

    def follow(self, job: JobView) -> Iterator[JobView]:
        """The job at each change until it has ended, which the last view shows.

        A service that goes away for less than a minute is waited for: jobs outlive it.

        Raises:
            ClientError: The job is gone, or the service does not come back.
        """
        yield job
        give_up = time.monotonic() + PATIENCE_S
        while not job.ended:
            try:
                job = self._next(job)
            except (ServiceUnreachable, ProblemAnswer) as error:
                passing = isinstance(error, ServiceUnreachable) or error.status in _PASSING
                if not passing or time.monotonic() > give_up:
                    raise
                time.sleep(0.5)
                continue
            give_up = time.monotonic() + PATIENCE_S
            yield job

    def wait(
        self,
        job: JobView,
        *,
        timeout_s: float | None = None,
        on_change: Callable[[JobView], object] = lambda _: None,
    ) -> JobView:
        """The job once it has ended.

        Args:
            job: As submitted.
            timeout_s: Longest wait, exact to one poll; None for as long as it takes.
            on_change: Told of each view.

        Raises:
            WaitedTooLong: It did not end in time.
            ClientError: The job is gone, or the service does not come back.
        """
        began = time.monotonic()
        for view in self.follow(job):
            on_change(view)
            if view.ended:
                return view
            if timeout_s is not None and time.monotonic() - began > timeout_s:
                break
        raise WaitedTooLong(f"job {job.id} did not end within {timeout_s:g} s; it goes on")

    def cancel(self, job_id: str) -> JobView:
        """Cancel a job; one of mode anytime succeeds with the certificate that it has.

        Raises ProblemAnswer with status 409 if it has ended already.
        """
        return _job(self._ask("POST", f"/jobs/{job_id}/cancel"))

    def models(self) -> tuple[ModelView, ...]:
        """The models, the default first. Raises ClientError."""
        models = [model_view(body) for body in self._ask("GET", "/models").json()["models"]]
        return tuple(sorted(models, key=lambda model: not model.default))

    def model(self, model_id: str) -> ModelView:
        """One model. Raises ClientError."""
        return model_view(self._ask("GET", f"/models/{model_id}").json())

    def is_alive(self) -> bool:
        """Whether the web process answers. Raises ClientError if it does not."""
        return self._ask("GET", "/livez").is_success

    def _next(self, job: JobView) -> JobView:
        headers = {"If-None-Match": job.etag} if job.etag else {}
        answer = self._ask(
            "GET",
            f"/jobs/{job.id}",
            params={"wait": f"{POLL_S:g}"},
            headers=headers,
            timeout=self._timeout_s + POLL_S,
        )
        return job if answer.status_code == _NOT_MODIFIED else _job(answer)

    def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **request)
        except httpx.TransportError as error:
            raise ServiceUnreachable(f"{self._url} does not answer: {error}") from error
        if answer.is_error:
            raise _problem(answer)
        return answer


def _problem(answer: httpx.Response) -> ProblemAnswer:
    try:
        body = answer.json()
        faults = tuple((fault["field"], fault["detail"]) for fault in body.get("errors") or ())
        title, detail = body["title"], body["detail"]
    except (ValueError, KeyError, TypeError, AttributeError):
        faults = ()
        title, detail = answer.reason_phrase, f"answered {answer.status_code}: {answer.text[:200]}"
    after = answer.headers.get("Retry-After", "")
    return ProblemAnswer(
        status=answer.status_code,
        title=title,
        detail=detail,
        errors=faults,
        retry_after_s=float(after) if after.isdecimal() else None,
    )


def _job(answer: httpx.Response) -> JobView:
    return job_view(answer.json(), etag=answer.headers.get("ETag", ""))
