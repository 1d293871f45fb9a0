"""`dmae jobs`: what was asked for with this key, and how to be rid of it."""
# ruff: noqa: PLC0415 - loaded when the command is called, so that all of them start at once

from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.common import (
    EXIT_CODES,
    FAILED,
    INTERRUPTED,
    ApiKey,
    AsJson,
    Url,
    client_for,
    errors_in_words,
    in_words,
    say_json,
    say_table,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.client import Client, Job
    from app.client.views import JobStatus

HELP = f"""
List, watch, cancel and erase jobs: those of the key, or of everybody where no key is asked for.

\b
  dmae jobs list --state running
  dmae jobs watch 019aa2f1-8c3a-7d11-9b5e-3f1c2a4d5e6f
  dmae jobs list --state queued --json | jq -r '.[].id' | xargs dmae jobs cancel

{EXIT_CODES}
"""
HEADS = ("job", "state", "draws", "question", "model", "result", "created")

group = typer.Typer(no_args_is_help=True, help=HELP)
JobId = Annotated[str, typer.Argument(metavar="JOB", help="Id of a job.")]
JobIds = Annotated[list[str], typer.Argument(metavar="JOB", help="Ids of jobs.")]


@group.command("list")
def list_jobs(
    *,
    state: Annotated[
        str | None,
        typer.Option(help="queued, running, succeeded, failed, cancelled or expired."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most jobs to list.")] = 50,
    url: Url = None,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first."""
    with errors_in_words(as_json=as_json), client_for(url, api_key) as client:
        found = [job.status for job in islice(client.jobs(state=state), limit)]
        if as_json:
            say_json([status.body for status in found])
        else:
            say_table(HEADS, [_row(status) for status in found])


@group.command()
def show(
    job_id: JobId, *, url: Url = None, api_key: ApiKey = None, as_json: AsJson = False
) -> None:
    """Show a job as it stands."""
    with errors_in_words(as_json=as_json), client_for(url, api_key) as client:
        _say(client.job(job_id).status, client, as_json=as_json)


@group.command()
def watch(
    job_id: JobId, *, url: Url = None, api_key: ApiKey = None, as_json: AsJson = False
) -> None:
    """Watch a job until it has ended, and print its certificate. Ctrl-C leaves the job alone."""
    from app.commands.progress import shown_bars

    with errors_in_words(as_json=as_json), client_for(url, api_key) as client:
        job = client.job(job_id)
        try:
            with shown_bars(1) as bars, bars.of(job_id) as show_status:
                for status in job.events():
                    show_status(status)
        except KeyboardInterrupt:
            typer.echo(f"job {job_id} goes on", err=True)
            raise typer.Exit(INTERRUPTED) from None
        _say(job.status, client, as_json=as_json)
    if job.status.certificate is None:
        raise typer.Exit(FAILED)


@group.command()
def cancel(
    job_ids: JobIds, *, url: Url = None, api_key: ApiKey = None, as_json: AsJson = False
) -> None:
    """Stop jobs; one of mode anytime ends with the certificate that it has."""
    _each(job_ids, url, api_key, _cancel, as_json=as_json)


@group.command()
def delete(
    job_ids: JobIds, *, url: Url = None, api_key: ApiKey = None, as_json: AsJson = False
) -> None:
    """Erase jobs with their images, and stop them if need be."""
    _each(job_ids, url, api_key, _delete, as_json=as_json)


def _each(
    job_ids: list[str],
    url: str | None,
    api_key: str | None,
    act: "Callable[[Job], str]",
    *,
    as_json: bool,
) -> None:
    """Does it to each; one that is refused keeps no other from it."""
    from app.client.errors import ProblemAnswer

    done: dict[str, str] = {}
    try:
        with errors_in_words(), client_for(url, api_key) as client:
            for job_id in job_ids:
                try:
                    done[job_id] = act(client.job(job_id))
                except ProblemAnswer as problem:
                    typer.echo(f"{job_id}: {in_words(problem)}", err=True)
                else:
                    if not as_json:
                        typer.echo(f"{job_id} {done[job_id]}")
    finally:
        # What was done is told even if the service went away in between.
        if as_json:
            say_json(done)
    if len(done) < len(set(job_ids)):
        raise typer.Exit(FAILED)


def _cancel(job: "Job") -> str:
    return job.cancel().state


def _delete(job: "Job") -> str:
    job.delete()
    return "deleted"


def _say(status: "JobStatus", client: "Client", *, as_json: bool) -> None:
    from app.commands.words import describe, known_labels

    if as_json:
        say_json(status.body)
        return
    typer.echo(f"job {status.id} {status.state}{f': {status.error}' if status.error else ''}")
    known = status.certificate or status.interim
    if known is not None:
        typer.echo(f"\n{describe(known.document, known_labels(client, known.document))}")
    elif not status.ended:
        place = f", place {status.queue_position} in the queue" if status.queue_position else ""
        left = "" if status.eta_s is None else f", about {status.eta_s:,.0f} s left"
        typer.echo(f"{status.draws_done:,} of {status.draws_planned:,} draws{place}{left}")


def _row(status: "JobStatus") -> tuple[str, ...]:
    from smoothing.digits import plain

    body, certificate = status.body, status.certificate
    result = status.error or "-"
    if certificate is not None:
        result = f"{certificate.label or certificate.verdict} {certificate.radius:.6f}"
    question = f"{body['params']['mode']} sigma {plain(body['params']['sigma'])}"
    draws = f"{status.draws_done:,} / {status.draws_planned:,}"
    created = str(body["created_at"])[:19].replace("T", " ")
    return (status.id, status.state, draws, question, body["model"]["id"], result, created)
