"""The client that awaits."""

from collections.abc import AsyncIterator
from typing import Self, TypeVar, Unpack

import anyio
import anyio.to_thread
import httpx

from app.client.calls import Calls, Document, Progress
from app.client.connection import Connection
from app.client.events import Listening
from app.client.flows import Call, Flow, Patience, Pause
from app.client.forms import Image, Params, read_image
from app.client.views import JSON, Certificate, Coverage, JobStatus, ModelInfo, Verification

T = TypeVar("T")


class AsyncClient:
    """Talks to one service without blocking, under asyncio or trio; otherwise as `Client`.

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
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._connection = Connection.to(url, api_key, timeout_s)
        self._calls = Calls(Patience(total_s=patience_s, absent_s=min(patience_s, 2.0)))
        http = httpx.AsyncClient(transport=transport, **self._connection.options())
        self._http = http
        self._wire = _Wire(http)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"AsyncClient({self._connection.url!r})"

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def certify(
        self,
        image: Image,
        *,
        sigma: float,
        idempotency_key: str | None = None,
        **params: Unpack[Params],
    ) -> "AsyncJob":
        """Ask for a certificate; the job has ended already if it was known.

        Args:
            image: Path or bytes of a PNG, JPEG or WebP file.
            sigma: Standard deviation of the noise, in units of a [0, 1] pixel.
            idempotency_key: Names this request, where another process may make it again; the
                tries of one call always count once.
            **params: What else there is to say; see `Params`.
        """
        fields = {"sigma": sigma, **params}
        flow = self._calls.submit("/certify", await _read(image), fields, idempotency_key)
        return AsyncJob(await self._wire.run(flow), self._calls, self._wire)

    async def predict(self, image: Image, *, sigma: float, **params: Unpack[Params]) -> "AsyncJob":
        """Ask for the class alone, without a radius; otherwise as `certify`."""
        fields = {"sigma": sigma, **params}
        flow = self._calls.submit("/predict", await _read(image), fields, None)
        return AsyncJob(await self._wire.run(flow), self._calls, self._wire)

    async def job(self, job_id: str) -> "AsyncJob":
        """A job as it is now."""
        return AsyncJob(await self._wire.run(self._calls.job(job_id)), self._calls, self._wire)

    async def jobs(self, *, state: str | None = None) -> AsyncIterator["AsyncJob"]:
        """The key's jobs, newest first, fetched a page at a time.

        Args:
            state: Of that state alone.
        """
        cursor: str | None = ""
        while cursor is not None:
            found, cursor = await self._wire.run(self._calls.page(state, cursor))
            for status in found:
                yield AsyncJob(status, self._calls, self._wire)

    async def models(self) -> tuple[ModelInfo, ...]:
        """The models, the default first."""
        return await self._wire.run(self._calls.models())

    async def model(self, model_id: str) -> ModelInfo:
        """One model."""
        return await self._wire.run(self._calls.model(model_id))

    async def verify(self, document: Document) -> Verification:
        """Have a certificate checked: signature, digests, and the radius from its counts."""
        return await self._wire.run(self._calls.verify(document))

    async def covers(self, job: "AsyncJob | str", image: Image) -> Coverage:
        """Whether another image is within a job's certified ball, by its exact distance."""
        job_id = job if isinstance(job, str) else job.id
        return await self._wire.run(self._calls.covers(job_id, await _read(image)))

    async def quota(self) -> JSON:
        """What the key may ask for, and what is left."""
        return await self._wire.run(self._calls.quota())

    async def is_alive(self) -> bool:
        """Whether the web process answers."""
        return await self._wire.run(self._calls.alive())


async def _read(image: Image) -> bytes:
    return await anyio.to_thread.run_sync(read_image, image)


class _Wire:
    """Makes the calls of flows, one after the other."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def run(self, flow: Flow[T]) -> T:
        """The result of a flow."""
        try:
            step = next(flow)
            while True:
                try:
                    answer = await self._do(step)
                except httpx.RequestError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(answer)
        except StopIteration as done:
            return done.value

    async def listen(self, listening: Listening) -> AsyncIterator[JobStatus]:
        """What a stream of events tells, until it ends or breaks off."""
        try:
            request = listening.call().request(self._http)
            answer = await self._http.send(request, stream=True)
            try:
                if listening.begin(answer):
                    async for piece in answer.aiter_bytes():
                        for status in listening.feed(piece):
                            yield status
            finally:
                await answer.aclose()
        except httpx.RequestError:
            return

    async def _do(self, step: Call | Pause) -> httpx.Response | None:
        if isinstance(step, Pause):
            await anyio.sleep(step.seconds)
            return None
        return await self._http.send(step.request(self._http))


class AsyncJob:
    """A job of the service.

    Attributes:
        status: The job as it was when it was last looked at.
    """

    def __init__(self, status: JobStatus, calls: Calls, wire: _Wire) -> None:
        self.status = status
        self._calls = calls
        self._wire = wire

    def __repr__(self) -> str:
        return f"AsyncJob({self.id!r}, {self.status.state!r})"

    @property
    def id(self) -> str:
        """Of the job; `client.job(id)` finds it again."""
        return self.status.id

    async def wait(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 - the same as of Job.wait
        on_progress: Progress = lambda _: None,
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

        return await self._wire.run(
            self._calls.result(self.status, timeout_s=timeout, on_progress=seen)
        )

    async def events(self) -> AsyncIterator[JobStatus]:
        """The job as it is, and then at each change until it has ended.

        By Server-Sent Events as long as there are any, else by long polls.
        """
        yield self.status
        listening = Listening(self.status)
        while not self.status.ended:
            async for status in self._wire.listen(listening):
                self.status = status
                yield status
            if not self.status.ended:
                before = self.status
                self.status = await self._wire.run(self._calls.next_status(before))
                listening.known = self.status
                if self.status is not before:
                    yield self.status

    async def refresh(self) -> JobStatus:
        """The job as it is now."""
        self.status = await self._wire.run(self._calls.job(self.id))
        return self.status

    async def cancel(self) -> JobStatus:
        """Stop the job; one of mode anytime succeeds with the certificate that it has.

        Raises Conflict if it has ended already.
        """
        self.status = await self._wire.run(self._calls.cancel(self.id))
        return self.status

    async def delete(self) -> None:
        """Erase image and record, and stop the job if need be."""
        await self._wire.run(self._calls.delete(self.id))
