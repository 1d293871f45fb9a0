"""`dmae serve`."""
# ruff: noqa: PLC0415 - loaded when the command is called, so that all of them start at once

from pathlib import Path
from typing import Annotated, Literal

import typer

from app.commands.common import FAILED, errors_in_words, require_unix, say

HELP = """
Start the whole service on this machine: the store, the workers and the web process.

It stays until Ctrl-C, and keeps its jobs for the next time. Other machines are let in by --host,
once there is an API key.

\b
  dmae serve
  dmae serve --port 8080 --workers 2
  dmae keys create --name laptop, and then
  APP_ALLOWED_HOSTS=certify.example.com dmae serve --host 0.0.0.0

Exit codes: 0 stopped in order, 1 it could not start or had to be killed, 2 wrong command line.
"""


def serve(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port; 0 for any that is free.", min=0, max=65535)
    ] = 8000,
    workers: Annotated[int, typer.Option(help="Worker processes.", min=1)] = 1,
    state_dir: Annotated[
        Path | None, typer.Option(help="Jobs and logs; DMAE_STATE_DIR, else ~/.local/state/dmae.")
    ] = None,
    model_store: Annotated[
        Path | None, typer.Option(help="Models; MODEL_STORE_DIR, else those that come along.")
    ] = None,
    keys: Annotated[
        Literal["auto", "required", "off"] | None,
        typer.Option(
            help="Who needs an API key: auto (nobody on this machine until the first is made), "
            "required, or off (nobody at all). APP_KEYS, else auto."
        ),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show the logs of all parts.")
    ] = False,
) -> None:
    """Start the whole service, and stay until Ctrl-C."""
    require_unix()
    from app.embedded.settings import settings_from_environment
    from app.embedded.stack import ServeOptions
    from app.embedded.stack import serve as run

    options = ServeOptions(
        host=host,
        port=port,
        workers=workers,
        keys=keys,
        verbose=verbose,
    )
    with errors_in_words():
        settings = settings_from_environment(state_dir=state_dir, model_store_dir=model_store)
        if not run(options, settings, say):
            raise typer.Exit(FAILED)
