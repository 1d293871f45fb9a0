"""The `dmae` command.

Exit codes: 0 a certificate was made (an abstention is one), 1 the service refused or failed or
took too long, 2 the command line is wrong, 3 nothing answers at the address, 130 interrupted.
"""
# ruff: noqa: PLC0415 - each command loads only what it needs, so that all of them start at once

import json
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from app.client import Client
    from app.client_views import JobView, Request

FAILED = 1
UNREACHABLE = 3
INTERRUPTED = 130

cli = typer.Typer(
    name="dmae",
    help="Certified robustness: which class, and within which L2 radius it cannot change.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Url = Annotated[str, typer.Option(envvar="DMAE_URL", help="Where the service is.")]
DEFAULT_URL = "http://127.0.0.1:8000"


def main() -> None:
    """Entry point of the console command."""
    cli()


@cli.command()
def serve(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 for any that is free.", max=65535)] = 8000,
    workers: Annotated[int, typer.Option(help="Worker processes.", min=1)] = 1,
    state_dir: Annotated[
        Path | None, typer.Option(help="Jobs and logs; DMAE_STATE_DIR, else ~/.local/state/dmae.")
    ] = None,
    model_store: Annotated[
        Path | None, typer.Option(help="Models; MODEL_STORE_DIR, else those that come along.")
    ] = None,
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Let other machines in, without any key.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show the logs of all parts.")
    ] = False,
) -> None:
    """Start the store, the workers and the web process, and stay until Ctrl-C."""
    _require_unix()
    from app.embedded.settings import settings_from_environment
    from app.embedded.stack import ServeOptions
    from app.embedded.stack import serve as run

    options = ServeOptions(
        host=host, port=port, workers=workers, allow_remote=allow_remote, verbose=verbose
    )
    settings = settings_from_environment(state_dir=state_dir, model_store_dir=model_store)
    with _errors_in_words():
        if not run(options, settings, _say):
            raise typer.Exit(FAILED)


@cli.command()
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
    with _errors_in_words(), Client(url) as client:
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


@cli.command()
def models(*, url: Url = DEFAULT_URL) -> None:
    """List the models of the service."""
    from rich.console import Console
    from rich.table import Table

    from app.client import Client

    with _errors_in_words(), Client(url) as client:
        table = Table("model", "sigma", "classes", "input", "draws/s", "workers", box=None)
        for model in client.models():
            table.add_row(
                f"{model.id}{' (default)' if model.default else ''}",
                ", ".join(f"{sigma:g}" for sigma in model.sigmas),
                str(len(model.labels)),
                f"{model.input_size} x {model.input_size}",
                f"{model.draws_per_s:,.0f}",
                str(model.workers_ready),
            )
        Console().print(table)


@cli.command()
def demo() -> None:
    """Start the whole stack, certify the example pictures over HTTP, stop it."""
    _require_unix()
    from app.demo import run

    with _errors_in_words():
        run(_say)


def _say(text: str) -> None:
    # A terminal that was closed must not keep the stack from stopping in order.
    with suppress(OSError):
        typer.echo(text)


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


@contextmanager
def _errors_in_words() -> Generator[None]:
    from app.client import ClientError, ProblemAnswer, ServiceUnreachable
    from app.embedded.errors import EmbeddedError

    try:
        yield
    except ServiceUnreachable as error:
        typer.echo(f"{error}\nIs `dmae serve` running? (--url names another address)", err=True)
        raise typer.Exit(UNREACHABLE) from error
    except ProblemAnswer as problem:
        faults = [f"  {field}: {detail}" for field, detail in problem.errors]
        typer.echo("\n".join([f"{problem.title}: {problem.detail}", *faults]), err=True)
        raise typer.Exit(FAILED) from problem
    except (ClientError, EmbeddedError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(FAILED) from error


def _require_unix() -> None:
    if sys.platform == "win32":
        typer.echo("this needs Linux or macOS; on Windows use `docker compose up`", err=True)
        raise typer.Exit(FAILED)


if __name__ == "__main__":
    main()
