"""A progress bar for a job, on standard error and only where somebody watches."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from app.client_views import JobView


@contextmanager
def shown_progress() -> Generator[Callable[[JobView], None]]:
    """What to call with each view of the job."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rest]}"),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("waiting", total=None, rest="")

        def show(job: JobView) -> None:
            bar.update(
                task,
                description=job.state,
                completed=job.draws_done,
                total=job.draws_planned,
                rest=_rest(job),
            )

        yield show


def _rest(job: JobView) -> str:
    speed = "" if job.draws_per_s is None else f"{job.draws_per_s:,.0f} draws/s"
    left = "" if job.eta_s is None else f"about {job.eta_s:,.0f} s left"
    shown = "" if job.interim is None else f"radius {job.interim['radius']:.6f} so far"
    return ", ".join(part for part in (speed, left, shown) if part)
