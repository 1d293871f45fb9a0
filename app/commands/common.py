"""What the commands share: options, exit codes, and errors in words or as JSON."""
# ruff: noqa: PLC0415 - a command that fails needs the errors, not one that is asked for help

import dataclasses
import json
import sys
import textwrap
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from app.client import Client, ProblemAnswer
    from app.client.errors import ServiceUnreachable
    from app.client.views import Fault

WIDTH = 88
FAILED = 1
WRONG = 2
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
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document; what fails is one with `error`.")
]


class GivenUp(Exception):
    """Somebody, or what concerned all of it, ended the command early."""


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


def say_passed_over(folder: Path, pattern: str = "**/*") -> None:
    """Say on standard error which files of a folder nothing is asked about."""
    from app.client.forms import CLASS_FOLDERS, SUFFIXES, passed_over

    left = passed_over(folder, pattern)
    if left:
        where = " in folders of classes" if pattern == CLASS_FOLDERS else ""
        typer.echo(
            f"{folder}: {len(left)} files passed over, such as {left[0].relative_to(folder)}; "
            f"taken are {', '.join(sorted(SUFFIXES))}{where}",
            err=True,
        )


def say_if_nobody_works(url: str | None, api_key: str | None, model: str | None) -> None:
    """Say on standard error that a question will wait, before it seems to hang.

    What keeps this from being known is left to the question itself to meet.

    Args:
        url: Of the service.
        api_key: Who asks.
        model: The one that is asked about; None for the default.
    """
    from app.client import Client, ClientError

    with suppress(ClientError), Client(url, api_key=api_key, patience_s=0) as client:
        asked = [it for it in client.models() if it.id == model or (not model and it.default)]
        for idle in (it for it in asked if not it.workers_ready):
            typer.echo(
                f"no worker is ready for {idle.id}: what is not known already waits for one "
                "(`dmae doctor` says why, if none comes)",
                err=True,
            )


def folded(text: str) -> str:
    """A paragraph in lines of bearable length."""
    return textwrap.fill(text, WIDTH, break_on_hyphens=False)


@contextmanager
def errors_in_words(*, as_json: bool = False, failed: int = FAILED) -> Generator[None]:
    """Turn what may go wrong into a message on standard error and an exit code.

    Args:
        as_json: Whether to print it as JSON too.
        failed: Exit code of what has none of its own.
    """
    from app.certificates.errors import CertificateError, KeyUnusable, Malformed
    from app.client.errors import ClientError, InvalidArgument, ServiceUnreachable
    from app.embedded.errors import EmbeddedError
    from app.errors import AppError

    expected = (AppError, CertificateError, ClientError, EmbeddedError, KeyUnusable, OSError)
    try:
        yield
    except expected as error:
        # A pipe that was closed is left to typer.
        if isinstance(error, BrokenPipeError):
            raise
        say_error(error, as_json=as_json)
        codes: dict[type, int] = {
            ServiceUnreachable: UNREACHABLE,
            InvalidArgument: WRONG,
            Malformed: FAILED,
        }
        raise typer.Exit(codes.get(type(error), failed)) from error
    except KeyboardInterrupt:
        say_error(GivenUp("interrupted"), as_json=as_json)
        raise typer.Exit(INTERRUPTED) from None


def say_error(error: Exception, *, as_json: bool) -> None:
    """Print what went wrong on standard error, and as JSON where that is wanted."""
    typer.echo(in_words(error), err=True)
    if as_json:
        say_json({"error": _error_body(error)})


def _error_body(error: Exception) -> Mapping[str, Any]:
    from app.client.errors import ProblemAnswer

    if not isinstance(error, ProblemAnswer):
        return {"kind": type(error).__name__, "detail": str(error)}
    return {
        "kind": error.kind or type(error).__name__,
        "status": error.status,
        "title": error.title,
        "detail": error.detail,
        "errors": [dataclasses.asdict(fault) for fault in error.errors],
        "request_id": error.request_id,
        "retry_after_s": error.retry_after_s,
    }


def in_words(error: Exception) -> str:
    """What went wrong, with each fault of a request on a line of its own, and what may help."""
    from app.client.errors import (
        NoCertificate,
        ProblemAnswer,
        ServiceUnreachable,
        WaitedTooLong,
    )

    match error:
        case ProblemAnswer():
            words = _problem_in_words(error)
        case ServiceUnreachable():
            words = f"{error}\n{_what_to_do(error)}"
        case WaitedTooLong():
            words = f"{error}: `dmae jobs watch` comes back to it"
        case NoCertificate() | GivenUp():
            words = str(error)
        case OSError(filename=None):  # as of a full disk
            words = f"error: {error.strerror or error}"
        case OSError():
            words = f"error: cannot read or write {error.filename}: {error.strerror}"
        case _:
            words = f"error: {error}"
    return words


def _what_to_do(error: "ServiceUnreachable") -> str:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return (
            "If an authority of your own signed it: SSL_CERT_FILE names the file of its certificate"
        )
    return "Is `dmae serve` running? (--url names another address)"


def _problem_in_words(problem: "ProblemAnswer") -> str:
    from app.client.errors import Unauthorized

    # The detail of a problem says all of its faults in one line, which is long for several.
    words = [f"{problem.title}: {problem.detail}{''.join(map(_nearest, problem.errors))}"]
    if len(problem.errors) > 1:
        faults = (f"  {it.field}: {it.detail}{_nearest(it)}" for it in problem.errors)
        words = [f"{problem.title}:", *faults]
    if isinstance(problem, Unauthorized):
        words.append("Name one that opens it in DMAE_API_KEY.")
    return "\n".join(words)


def _nearest(fault: "Fault") -> str:
    """The nearest value that would do, unless the words name it already."""
    if fault.nearest is None or str(fault.nearest) in fault.detail:
        return ""
    return f" (the nearest that would do: {fault.nearest})"


def require_unix() -> None:
    """Leave where the parts of a stack cannot be started."""
    if sys.platform == "win32":
        typer.echo("this needs Linux or macOS; on Windows use `docker compose up`", err=True)
        raise typer.Exit(FAILED)
