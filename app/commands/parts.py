"""`dmae api` and `dmae worker`: single parts, for those who run their own supervisor."""
# ruff: noqa: PLC0415 - loaded when the command is called, so that all of them start at once

import os
import sys
from typing import Annotated

import typer

from app.commands.common import errors_in_words, require_unix

API_HELP = """
Run the web process alone, in the foreground. Redis is named by REDIS_URL.

Who may ask follows APP_KEYS, see docs/settings.md: requests from elsewhere need a key.

\b
  REDIS_URL=redis://store:6379/0 dmae api --host 0.0.0.0 --port 8000
  dmae api --root-path /certify

With --root-path a proxy hands over what is below that path without the path itself, as nginx does
by `location /certify/ { proxy_pass http://127.0.0.1:8000/; }`. All links begin with it.
"""
WORKER_HELP = """
Run one worker alone, in the foreground: one a GPU, or one a machine. Redis is named by REDIS_URL.

\b
  REDIS_URL=redis://store:6379/0 WORKER_DEVICE=cuda:1 dmae worker
"""


def api(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port.", min=1, max=65535)] = 8000,
    root_path: Annotated[
        str, typer.Option(help="Path before all links, which a proxy takes off the requests.")
    ] = "",
) -> None:
    """Run the web process alone."""
    require_unix()
    from app.embedded.parts import web_arguments
    from app.settings import settings_from_environment

    with errors_in_words():
        body_timeout_s = settings_from_environment().body_timeout_s
    prefix = root_path.strip("/") and f"/{root_path.strip('/')}"
    _become(web_arguments(host, port, body_timeout_s=body_timeout_s, root_path=prefix))


def worker() -> None:
    """Run one worker alone."""
    require_unix()
    from app.embedded.parts import WORKER_ARGUMENTS

    _become(WORKER_ARGUMENTS)


def _become(arguments: list[str]) -> None:
    """This process goes on as another program, which gets the signals."""
    sys.stdout.flush()
    os.execv(arguments[0], arguments)  # noqa: S606 - our own command
