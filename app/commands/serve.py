"""`dmae serve`."""
# ruff: noqa: PLC0415 - loaded when the command is called, so that all of them start at once

from pathlib import Path
from typing import Annotated

import typer

from app.commands.common import FAILED, errors_in_words, require_unix, say


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
    require_unix()
    from app.embedded.settings import settings_from_environment
    from app.embedded.stack import ServeOptions
    from app.embedded.stack import serve as run

    options = ServeOptions(
        host=host, port=port, workers=workers, allow_remote=allow_remote, verbose=verbose
    )
    settings = settings_from_environment(state_dir=state_dir, model_store_dir=model_store)
    with errors_in_words():
        if not run(options, settings, say):
            raise typer.Exit(FAILED)
