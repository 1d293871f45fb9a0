"""Progress bars for jobs, on standard error and only where somebody watches."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from app.client.answers import EvaluationStatus
from app.client.views import JobStatus


class Bars:
    """One bar for each job that is under way, and one for all of them.

    Args:
        progress: Where they are drawn.
        total: Jobs in all.
    """

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._all: TaskID | None = None
        if total > 1:
            self._all = progress.add_task("all", total=total, rest="")

    @contextmanager
    def of(self, name: str) -> Generator[Callable[[JobStatus], None]]:
        """What to call with each status of one job."""
        bar = self._progress.add_task(f"{name}: waiting", total=None, rest="")

        def show(job: JobStatus) -> None:
            self._progress.update(
                bar,
                description=f"{name}: {job.state}",
                completed=job.draws_done,
                total=job.draws_planned,
                rest=_rest(job),
            )

        try:
            yield show
        finally:
            self._progress.remove_task(bar)
            if self._all is not None:
                self._progress.advance(self._all)


@contextmanager
def shown_bars(total: int) -> Generator[Bars]:
    """Bars for so many jobs, gone at the end of the block."""
    with _shown() as progress:
        yield Bars(progress, total)


@contextmanager
def shown_evaluation() -> Generator[Callable[[EvaluationStatus], None]]:
    """What to call with each status of an evaluation; its bar is gone at the end of the block."""
    with _shown() as progress:
        bar = progress.add_task("pictures", total=None, rest="")

        def show(evaluation: EvaluationStatus) -> None:
            left = (
                "" if evaluation.eta_s is None else f"at most about {evaluation.eta_s:,.0f} s left"
            )
            progress.update(
                bar,
                description=evaluation.state,
                completed=evaluation.items_done,
                total=evaluation.items,
                rest=left,
            )

        yield show


@contextmanager
def _shown() -> Generator[Progress]:
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rest]}"),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        yield progress


def _rest(job: JobStatus) -> str:
    place = f"place {job.queue_position} in the queue" if job.queue_position else ""
    speed = "" if job.draws_per_s is None else f"{job.draws_per_s:,.0f} draws/s"
    left = "" if job.eta_s is None else f"{job.eta_s:,.0f} s left"
    shown = f"radius {job.interim.radius:.6f}" if job.interim and job.interim.radius else ""
    return ", ".join(part for part in (place, speed, left, shown) if part)
