"""The `dmae` command: registers what `app.commands` has; see `app.commands.common` for exit codes.

A command's module loads only typer when it is imported, so that `dmae --help` is quick.
"""

import typer

from app.commands import certify, demo, keys, models, serve

cli = typer.Typer(
    name="dmae",
    help="Certified robustness: which class, and within which L2 radius it cannot change.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cli.command()(serve.serve)
cli.command()(certify.certify)
cli.command()(models.models)
cli.add_typer(keys.group, name="keys")
cli.command()(demo.demo)


def main() -> None:
    """Entry point of the console command."""
    cli()


if __name__ == "__main__":
    main()
