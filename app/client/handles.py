"""Jobs and evaluations of a client that blocks."""

from collections.abc import Callable, Iterator

from app.client.answers import EvaluationStatus
from app.client.calls import Calls, Progress
from app.client.events import Listening
from app.client.views import Certificate, JobStatus
from app.client.wire import Wire


class Job:
    """A job of the service.

    Attributes:
        status: The job as it was when it was last looked at.
    """

    def __init__(self, status: JobStatus, calls: Calls, wire: Wire) -> None:
        self.status: JobStatus = status
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
        self.status = self._wire.run(self._calls.cancel(self.status))
        return self.status

    def delete(self) -> None:
        """Erase image and record, and stop the job if need be."""
        self._wire.run(self._calls.delete(self.status))


class Evaluation:
    """A set of labelled images, and what their certificates say together.

    Attributes:
        status: The evaluation as it was when it was last looked at.
    """

    def __init__(self, status: EvaluationStatus, calls: Calls, wire: Wire) -> None:
        self.status: EvaluationStatus = status
        self._calls = calls
        self._wire = wire

    def __repr__(self) -> str:
        return f"Evaluation({self.id!r}, {self.status.state!r})"

    @property
    def id(self) -> str:
        """Of the evaluation; `client.evaluation(id)` finds it again."""
        return self.status.id

    def wait(
        self,
        timeout: float | None = None,
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
        return self._wire.run(flow)

    def table(self) -> str:
        """A row an image, tab-separated, in the format of Cohen et al. (2019)."""
        return self._wire.run(self._calls.text(f"{self.status.path}.tsv"))

    def plot(self) -> str:
        """The curve, as SVG."""
        return self._wire.run(self._calls.text(f"{self.status.path}/plot.svg"))

    def refresh(self) -> EvaluationStatus:
        """The evaluation as it is now."""
        self.status = self._wire.run(self._calls.evaluation(self.id))
        return self.status

    def cancel(self) -> EvaluationStatus:
        """Stop it; what was found by then stays. Raises Conflict if it has ended already."""
        self.status = self._wire.run(self._calls.cancel(self.status))
        return self.status

    def delete(self) -> None:
        """Erase it with its images and jobs, and stop it if need be."""
        self._wire.run(self._calls.delete(self.status))
