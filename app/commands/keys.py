"""`dmae keys`: who may ask, and what certificates are signed with."""

import typer

group = typer.Typer(no_args_is_help=True)


@group.callback()
def keys() -> None:
    """API keys, and the keys that certificates are signed with."""
