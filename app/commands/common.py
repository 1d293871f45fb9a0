"""What the commands share: options, exit codes, and errors in words.

Exit codes: 0 it worked (an abstention is a certificate), 1 the service refused or failed or took
too long, 2 the command line is wrong, 3 nothing answers at the address, 130 interrupted.
"""
# ruff: noqa: PLC0415 - a command that fails needs the errors, not one that is asked for help

import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Annotated

import typer

FAILED = 1
UNREACHABLE = 3
INTERRUPTED = 130

DEFAULT_URL = "http://127.0.0.1:8000"
Url = Annotated[str, typer.Option(envvar="DMAE_URL", help="Where the service is.")]


def say(text: str) -> None:
    """Print a line or a few."""
    # A terminal that was closed must not keep the stack from stopping in order.
    with suppress(OSError):
        typer.echo(text)


@contextmanager
def errors_in_words() -> Generator[None]:
    """Turn what may go wrong into a message on standard error and an exit code."""
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


def require_unix() -> None:
    """Leave where the parts of a stack cannot be started."""
    if sys.platform == "win32":
        typer.echo("this needs Linux or macOS; on Windows use `docker compose up`", err=True)
        raise typer.Exit(FAILED)
