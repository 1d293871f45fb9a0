"""What the commands share: options, exit codes, and errors in words.

Exit codes of all of them: 0 it worked (an abstention is a certificate), 1 the service refused or
failed or took too long, 2 the command line is wrong, 3 nothing answers at the address, 130
interrupted.
"""
# ruff: noqa: PLC0415 - a command that fails needs the errors, not one that is asked for help

import json
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from app.client import Client

FAILED = 1
UNREACHABLE = 3
INTERRUPTED = 130

EXIT_CODES = (
    "Exit codes: 0 it worked, 1 refused, failed or too slow, 2 wrong command line, 3 nothing "
    "answers at the address, 130 interrupted."
)

Url = Annotated[
    str | None,
    typer.Option(
        "--url", envvar="DMAE_URL", help="Where the service is.", show_default="this machine"
    ),
]
ApiKey = Annotated[
    str | None,
    typer.Option(
        "--api-key",
        envvar="DMAE_API_KEY",
        help="API key. The variable is the better place: other users see command lines.",
        show_default="none",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")]


def client_for(url: str | None, api_key: str | None) -> "Client":
    """The client of a command."""
    from app.client import Client

    return Client(url, api_key=api_key)


def say(text: str) -> None:
    """Print a line or a few."""
    # A terminal that was closed must not keep the stack from stopping in order.
    with suppress(OSError):
        typer.echo(text)


def say_json(value: Any) -> None:
    """Print a value as JSON."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def say_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns, however wide: what is piped on must not be cut to a terminal's width."""
    table = [heads, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(heads))]
    for row in table:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


@contextmanager
def errors_in_words() -> Generator[None]:
    """Turn what may go wrong into a message on standard error and an exit code."""
    from app.client.errors import ClientError, ServiceUnreachable
    from app.embedded.errors import EmbeddedError

    try:
        yield
    except ServiceUnreachable as error:
        typer.echo(in_words(error), err=True)
        raise typer.Exit(UNREACHABLE) from error
    except (ClientError, EmbeddedError) as error:
        typer.echo(in_words(error), err=True)
        raise typer.Exit(FAILED) from error
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        raise typer.Exit(INTERRUPTED) from None


def in_words(error: Exception) -> str:
    """What went wrong, with each fault of a request on a line of its own, and what may help."""
    from app.client.errors import (
        NoCertificate,
        ProblemAnswer,
        ServiceUnreachable,
        Unauthorized,
    )

    if isinstance(error, ServiceUnreachable):
        return f"{error}\nIs `dmae serve` running? (--url names another address)"
    if isinstance(error, NoCertificate):
        return str(error)
    if not isinstance(error, ProblemAnswer):
        return f"error: {error}"
    # The detail of a problem says all of its faults in one line, which is long for several.
    faults = [f"  {fault.field}: {fault.detail}" for fault in error.errors]
    advice = ["Name a key in DMAE_API_KEY."] if isinstance(error, Unauthorized) else []
    if len(error.errors) > 1:
        return "\n".join([f"{error.title}:", *faults, *advice])
    return "\n".join([f"{error.title}: {error.detail}", *advice])


def require_unix() -> None:
    """Leave where the parts of a stack cannot be started."""
    if sys.platform == "win32":
        typer.echo("this needs Linux or macOS; on Windows use `docker compose up`", err=True)
        raise typer.Exit(FAILED)
