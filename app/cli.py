"""The `dmae` command: registers what `app.commands` has; see `app.commands.common` for exit codes.

A command's module loads only typer when it is imported, so that `dmae --help` is quick.
"""

from collections.abc import Callable
from typing import Annotated

import typer

from app.commands import (
    certify,
    demo,
    doctor,
    evaluate,
    jobs,
    keys,
    models,
    parts,
    serve,
    signing,
    verify,
)
from app.version import DISTRIBUTION, release

cli = typer.Typer(
    name="dmae",
    help="Certified robustness: which class, and within which L2 radius it cannot change.\n\n"
    "Begin with `dmae serve`, and `dmae certify PICTURE --sigma 0.25` in another terminal.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Folding paragraphs is left to the terminal; examples stay as they are.
    rich_markup_mode=None,
)


def _command(function: Callable[..., None], text: str) -> None:
    short = (function.__doc__ or "").partition("\n")[0]
    cli.command(help=text, short_help=short)(function)


_command(serve.serve, serve.HELP)
_command(certify.certify, certify.HELP)
_command(evaluate.evaluate, evaluate.HELP)
_command(verify.verify, verify.HELP)
_command(models.models, models.HELP)
_command(doctor.doctor, doctor.HELP)
_command(demo.demo, demo.HELP)
_command(parts.api, parts.API_HELP)
_command(parts.worker, parts.WORKER_HELP)
cli.add_typer(jobs.group, name="jobs", short_help="List, watch, cancel and erase jobs.")
keys.group.add_typer(
    signing.group, name="signing", short_help="The keys that certificates are signed with."
)
cli.add_typer(keys.group, name="keys")


def _show_version(asked: bool) -> None:  # noqa: FBT001 - typer hands the option's value over
    if asked:
        typer.echo(f"{DISTRIBUTION} {release()}")
        raise typer.Exit


@cli.callback()
def _options(
    version: Annotated[  # noqa: FBT002 - an option that acts by itself
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point of the console command."""
    cli()


if __name__ == "__main__":
    main()
