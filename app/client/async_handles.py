"""Jobs and evaluations of a client that awaits."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Generic, TypeVar

from app.client.answers import EvaluationStatus
from app.client.async_wire import AsyncWire
from app.client.calls import Calls, Progress
from app.client.events import Listening
from app.client.views import Certificate, JobStatus

S = TypeVar("S", JobStatus, EvaluationStatus)


class _AsyncFollowed(Generic[S]):
    """What the service works at, and how to be rid of it.

    Attributes:
        status: As it was when it was last looked at.
    """

    def __init__(self, status: S, calls: Calls, wire: AsyncWire) -> None:
        self.status: S = status
        self._calls = calls
        self._wire = wire

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r}, {self.status.state!r})"

    @property
    def id(self) -> str:
        """By which the client finds it again."""
        return self.status.id

    async def refresh(self) -> S:
        """As it is now."""
        self.status = await self._wire.run(self._calls.again(self.status))
        return self.status

    async def cancel(self) -> S:
        """Stop it; a job of mode anytime succeeds with the certificate that it has.

        What was found by then of an evaluation stays. Raises Conflict if it has ended already.
        """
        self.status = await self._wire.run(self._calls.cancel(self.status))
        return self.status

    async def delete(self) -> None:
        """Erase it with its images, and stop it if need be."""
        await self._wire.run(self._calls.delete(self.status))

    def _seen(self, on_progress: Callable[[S], object]) -> Callable[[S], None]:
        def seen(status: S) -> None:
            self.status = status
            on_progress(status)

        return seen


class AsyncJob(_AsyncFollowed[JobStatus]):
    """A job of the service."""

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
        seen = self._seen(on_progress)
        flow = self._calls.result(self.status, timeout_s=timeout, on_progress=seen)
        return await self._wire.run(flow)

    async def events(self) -> AsyncGenerator[JobStatus]:
        """The job as it is, and then at each change until it has ended.

        By Server-Sent Events as long as there are any, else by long polls. Whoever stops before
        the end closes it, as with `contextlib.aclosing`.
        """
        yield self.status
        listening = Listening(self.status)
        while not self.status.ended:
            async with aclosing(self._wire.listen(listening)) as told:
                async for status in told:
                    self.status = status
                    yield status
            if not self.status.ended:
                before = self.status
                self.status = await self._wire.run(self._calls.next_status(before))
                listening.known = self.status
                if self.status is not before:
                    yield self.status


class AsyncEvaluation(_AsyncFollowed[EvaluationStatus]):
    """A set of labelled images, and what their certificates say together."""

    async def wait(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 - the same as of Job.wait
        on_progress: Callable[[EvaluationStatus], object] = lambda _: None,
    ) -> EvaluationStatus:
        """The evaluation, once it has ended; `.curve` is what it found.

        Args:
            timeout: Longest wait, in seconds; None for as long as it takes.
            on_progress: Told of each status.

        Raises:
            WaitedTooLong: It did not end in time; it goes on.
        """
        seen = self._seen(on_progress)
        flow = self._calls.end(self.status, timeout_s=timeout, on_progress=seen)
        return await self._wire.run(flow)

    async def table(self) -> str:
        """A row an image, tab-separated, in the format of Cohen et al. (2019)."""
        return await self._wire.run(self._calls.text(f"{self.status.path}.tsv"))

    async def plot(self) -> str:
        """The curve, as SVG."""
        return await self._wire.run(self._calls.text(f"{self.status.path}/plot.svg"))
