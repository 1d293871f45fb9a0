"""The client that blocks."""

import time
from collections.abc import Iterator
from typing import Self, TypeVar, Unpack

import httpx

from app.client.calls import Calls, Document, Progress
from app.client.connection import Connection
from app.client.events import Listening
from app.client.flows import Call, Flow, Patience, Pause
from app.client.forms import Image, Params, read_image
from app.client.views import JSON, Certificate, Coverage, JobStatus, ModelInfo, Verification

T = TypeVar("T")


class Client:
    """Talks to one service. Threads may share one. Use as a context manager, or close it.

    Args:
        url: Where the service is; None for DMAE_URL, else this machine.
        api_key: Of the caller; None for DMAE_API_KEY, "" for none.
        timeout_s: Longest wait for an answer, long polls not counted.
        patience_s: How long a full, limited or restarting service is asked again.
        transport: What carries the requests, in place of the network.

    Every method raises ClientError where the service cannot or will not answer.

    Raises:
        InvalidArgument: URL or key cannot be used.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        timeout_s: float = 30.0,
        patience_s: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._connection = Connection.to(url, api_key, timeout_s)
        self._calls = Calls(Patience(total_s=patience_s, absent_s=min(patience_s, 2.0)))
        http = httpx.Client(transport=transport, **self._connection.options())
        self._http = http
        self._wire = _Wire(http)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self._connection.url!r})"

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def certify(
        self,
        image: Image,
        *,
        sigma: float,
        idempotency_key: str | None = None,
        **params: Unpack[Params],
    ) -> "Job":
        """Ask for a certificate; the job has ended already if it was known.

        Args:
            image: Path or bytes of a PNG, JPEG or WebP file.
            sigma: Standard deviation of the noise, in units of a [0, 1] pixel.
            idempotency_key: Names this request, where another process may make it again; the
                tries of one call always count once.
            **params: What else there is to say; see `Params`.
        """
        fields = {"sigma": sigma, **params}
        flow = self._calls.submit("/certify", read_image(image), fields, idempotency_key)
        return Job(self._wire.run(flow), self._calls, self._wire)

    def predict(self, image: Image, *, sigma: float, **params: Unpack[Params]) -> "Job":
        """Ask for the class alone, without a radius; otherwise as `certify`."""
        fields = {"sigma": sigma, **params}
        flow = self._calls.submit("/predict", read_image(image), fields, None)
        return Job(self._wire.run(flow), self._calls, self._wire)

    def job(self, job_id: str) -> "Job":
        """A job as it is now."""
        return Job(self._wire.run(self._calls.job(job_id)), self._calls, self._wire)

    def jobs(self, *, state: str | None = None) -> Iterator["Job"]:
        """The key's jobs, newest first, fetched a page at a time.

        Args:
            state: Of that state alone.
        """
        cursor: str | None = ""
        while cursor is not None:
            found, cursor = self._wire.run(self._calls.page(state, cursor))
            for status in found:
                yield Job(status, self._calls, self._wire)

    def models(self) -> tuple[ModelInfo, ...]:
        """The models, the default first."""
        return self._wire.run(self._calls.models())

    def model(self, model_id: str) -> ModelInfo:
        """One model."""
        return self._wire.run(self._calls.model(model_id))

    def verify(self, document: Document) -> Verification:
        """Have a certificate checked: signature, digests, and the radius from its counts."""
        return self._wire.run(self._calls.verify(document))

    def covers(self, job: "Job | str", image: Image) -> Coverage:
        """Whether another image is within a job's certified ball, by its exact distance."""
        job_id = job if isinstance(job, str) else job.id
        return self._wire.run(self._calls.covers(job_id, read_image(image)))

    def quota(self) -> JSON:
        """What the key may ask for, and what is left."""
        return self._wire.run(self._calls.quota())

    def is_alive(self) -> bool:
        """Whether the web process answers."""
        return self._wire.run(self._calls.alive())


class _Wire:
    """Makes the calls of flows, one after the other."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def run(self, flow: Flow[T]) -> T:
        """The result of a flow."""
        try:
            step = next(flow)
            while True:
                try:
                    answer = self._do(step)
                except httpx.RequestError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(answer)
        except StopIteration as done:
            return done.value

    def listen(self, listening: Listening) -> Iterator[JobStatus]:
        """What a stream of events tells, until it ends or breaks off."""
        try:
            request = listening.call().request(self._http)
            answer = self._http.send(request, stream=True)
            try:
                if listening.begin(answer):
                    for piece in answer.iter_bytes():
                        yield from listening.feed(piece)
            finally:
                answer.close()
        except httpx.RequestError:
            return

    def _do(self, step: Call | Pause) -> httpx.Response | None:
        if isinstance(step, Pause):
            time.sleep(step.seconds)
            return None
        return self._http.send(step.request(self._http))


class Job:
    """A job of the service.

    Attributes:
        status: The job as it was when it was last looked at.
    """

    def __init__(self, status: JobStatus, calls: Calls, wire: _Wire) -> None:
        self.status = status
        self._calls = calls
        self._wire = wire

    def __repr__(self) -> str:
        return f"Job({self.id!r}, {self.status.state!r})"

    @property
    def id(self) -> str:
        """Of the job; `client.job(id)` finds it again."""
        return self.status.id

    def wait(
        self, timeout: float | None = None, on_progress: Progress = lambda _: None
    ) -> Certificate:
        """The certificate, once the job has ended. A service that restarts is waited for.

        Args:
            timeout: Longest wait, in seconds; None for as long as it takes.
            on_progress: Told of each status.

        Raises:
            WaitedTooLong: It did not end in time; it goes on.
            NoCertificate: It failed, was cancelled or has expired.
        """

        def seen(status: JobStatus) -> None:
            self.status = status
            on_progress(status)

        flow = self._calls.result(self.status, timeout_s=timeout, on_progress=seen)
        return self._wire.run(flow)

    def events(self) -> Iterator[JobStatus]:
        """The job as it is, and then at each change until it has ended.

        By Server-Sent Events as long as there are any, else by long polls.
        """
        yield self.status
        listening = Listening(self.status)
        while not self.status.ended:
            for status in self._wire.listen(listening):
                self.status = status
                yield status
            if not self.status.ended:
                before = self.status
                self.status = self._wire.run(self._calls.next_status(before))
                listening.known = self.status
                if self.status is not before:
                    yield self.status

    def refresh(self) -> JobStatus:
        """The job as it is now."""
        self.status = self._wire.run(self._calls.job(self.id))
        return self.status

    def cancel(self) -> JobStatus:
        """Stop the job; one of mode anytime succeeds with the certificate that it has.

        Raises Conflict if it has ended already.
        """
        self.status = self._wire.run(self._calls.cancel(self.id))
        return self.status

    def delete(self) -> None:
        """Erase image and record, and stop the job if need be."""
        self._wire.run(self._calls.delete(self.id))
