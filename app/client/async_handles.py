"""Jobs and evaluations of a client that awaits."""

from collections.abc import AsyncIterator, Callable

from app.client.answers import EvaluationStatus
from app.client.async_wire import AsyncWire
from app.client.calls import Calls, Progress
from app.client.events import Listening
from app.client.views import Certificate, JobStatus


class AsyncJob:
    """A job of the service.

    Attributes:
        status: The job as it was when it was last looked at.
    """

    def __init__(self, status: JobStatus, calls: Calls, wire: AsyncWire) -> None:
        self.status: JobStatus = status
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
        self.status = await self._wire.run(self._calls.cancel(self.status))
        return self.status

    async def delete(self) -> None:
        """Erase image and record, and stop the job if need be."""
        await self._wire.run(self._calls.delete(self.status))


class AsyncEvaluation:
    """A set of labelled images, and what their certificates say together.

    Attributes:
        status: The evaluation as it was when it was last looked at.
    """

    def __init__(self, status: EvaluationStatus, calls: Calls, wire: AsyncWire) -> None:
        self.status: EvaluationStatus = status
        self._calls = calls
        self._wire = wire

    def __repr__(self) -> str:
        return f"AsyncEvaluation({self.id!r}, {self.status.state!r})"

    @property
    def id(self) -> str:
        """Of the evaluation; `client.evaluation(id)` finds it again."""
        return self.status.id

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

        def seen(status: EvaluationStatus) -> None:
            self.status = status
            on_progress(status)

        flow = self._calls.end(self.status, timeout_s=timeout, on_progress=seen)
        return await self._wire.run(flow)

    async def table(self) -> str:
        """A row an image, tab-separated, in the format of Cohen et al. (2019)."""
        return await self._wire.run(self._calls.text(f"{self.status.path}.tsv"))

    async def plot(self) -> str:
        """The curve, as SVG."""
        return await self._wire.run(self._calls.text(f"{self.status.path}/plot.svg"))

    async def refresh(self) -> EvaluationStatus:
        """The evaluation as it is now."""
        self.status = await self._wire.run(self._calls.evaluation(self.id))
        return self.status

    async def cancel(self) -> EvaluationStatus:
        """Stop it; what was found by then stays. Raises Conflict if it has ended already."""
        self.status = await self._wire.run(self._calls.cancel(self.status))
        return self.status

    async def delete(self) -> None:
        """Erase it with its images and jobs, and stop it if need be."""
        await self._wire.run(self._calls.delete(self.status))
