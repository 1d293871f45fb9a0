"""`dmae certify`."""
# ruff: noqa: PLC0415 - loaded when the command is called, so that all of them start at once

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.common import DEFAULT_URL, FAILED, INTERRUPTED, Url, errors_in_words

if TYPE_CHECKING:
    from app.client import Client
    from app.client_views import JobView, Request


def certify(
    image: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="PNG, JPEG or WEBP.")],
    *,
    sigma: Annotated[float, typer.Option(help="Noise level, in units of a [0, 1] pixel.")],
    model: Annotated[str | None, typer.Option(help="Model; see `dmae models`.")] = None,
    mode: Annotated[
        str | None,
        typer.Option(
            help="adaptive (as few draws as the precision takes; the default), fixed (exactly n), "
            "decide (is the radius at least --radius?), anytime (the best so far; Ctrl-C ends it "
            "with what it has) or predict (the class alone, no radius)."
        ),
    ] = None,
    n: Annotated[
        int | None, typer.Option(help="Draws that answer: n for fixed and predict, else at most.")
    ] = None,
    n0: Annotated[int | None, typer.Option(help="Draws that select the class, for fixed.")] = None,
    alpha: Annotated[float | None, typer.Option(help="Probability of being wrong.")] = None,
    precision: Annotated[
        float | None, typer.Option(help="Share of the radius that may be lost, for adaptive.")
    ] = None,
    radius: Annotated[
        float | None, typer.Option(help="The L2 radius that decide is about, pixels in 0..1.")
    ] = None,
    bound: Annotated[
        str | None, typer.Option(help="top or runner-up, for fixed and adaptive.")
    ] = None,
    family_size: Annotated[int | None, typer.Option(help="Certificates that share alpha.")] = None,
    numerics: Annotated[str | None, typer.Option(help="sound or fast.")] = None,
    url: Url = DEFAULT_URL,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the certificate as JSON, and nothing else.")
    ] = False,
    timeout: Annotated[
        float | None, typer.Option(help="Seconds to wait; the job goes on after that.")
    ] = None,
) -> None:
    """Certify a picture: its class, and the radius within which the class cannot change.

    Ctrl-C cancels the job; one of mode anytime then ends with the certificate that it has. Exit
    code 0 means that there is a certificate, which may be an abstention; 1 that there is none;
    3 that nothing answers at the address.
    """
    from app.cli_output import describe
    from app.client import Client
    from app.client_views import Request

    request = Request(
        image=image.read_bytes(),
        sigma=sigma,
        model=model,
        mode=mode,
        n=n,
        n0=n0,
        alpha=alpha,
        precision=precision,
        radius=radius,
        bound=bound,
        family_size=family_size,
        numerics=numerics,
    )
    with errors_in_words(), Client(url) as client:
        job = _finish(client, request, timeout)
        if job.certificate is None:
            typer.echo(f"job {job.id} {job.state}{f': {job.error}' if job.error else ''}", err=True)
            raise typer.Exit(FAILED)
        if as_json:
            typer.echo(json.dumps(job.certificate, indent=2, ensure_ascii=False))
            return
        labels = client.model(job.certificate["model"]["id"]).labels
        known = " (known before)" if job.cached else ""
        typer.echo(f"{image.name}: {describe(job.certificate, labels)}\n\njob {job.id}{known}")


def _finish(client: "Client", request: "Request", timeout_s: float | None) -> "JobView":
    """The job for a request, once it has ended; cancelled if this process is interrupted."""
    from app.cli_progress import shown_progress

    job: JobView | None = None
    try:
        job = client.submit(request)
        with shown_progress() as show:
            return client.wait(job, timeout_s=timeout_s, on_change=show)
    except KeyboardInterrupt:
        said, job = _cancelled(client, job)
        if job is not None and job.certificate is not None:
            return job
        typer.echo(said, err=True)
        raise typer.Exit(INTERRUPTED) from None


def _cancelled(client: "Client", job: "JobView | None") -> "tuple[str, JobView | None]":
    from app.client import ClientError

    if job is None:
        return "interrupted before the service had taken the job", None
    try:
        return f"interrupted; cancelled job {job.id}", client.cancel(job.id)
    except ClientError as error:
        return f"interrupted; job {job.id} could not be cancelled: {error}", None
