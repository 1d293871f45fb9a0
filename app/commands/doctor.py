"""`dmae doctor`."""
# ruff: noqa: PLC0415 - loaded when the command is called, so that all of them start at once

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.common import FAILED, ApiKey, AsJson, Url, errors_in_words, say_json

if TYPE_CHECKING:
    from app.doctor.findings import Finding

HELP = """
Look for what is wrong with an installation, and say what to do about it.

It looks at this machine, the store (that of REDIS_URL, else that of `dmae serve`), the models, the
signing keys, and the service at the URL. Nothing is changed.

\b
  dmae doctor
  dmae doctor --url https://certify.example.com
  REDIS_URL=redis://store:6379/0 dmae doctor --json

Exit codes: 0 nothing fails (there may be warnings), 1 something does, 2 wrong command line.
"""


def doctor(
    *,
    url: Url = None,
    api_key: ApiKey = None,
    state_dir: Annotated[
        Path | None, typer.Option(help="Of `dmae serve`; DMAE_STATE_DIR, else the user's.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look for what is wrong, and say what to do."""
    found: list[Finding] = []
    with errors_in_words(as_json=as_json):
        for finding in _all(url, api_key, state_dir):
            found.append(finding)
            if not as_json:
                _say(finding)
    failed = any(finding.level == "fail" for finding in found)
    if as_json:
        say_json({"healthy": not failed, "checks": [finding.body() for finding in found]})
    if failed:
        raise typer.Exit(FAILED)


def _all(url: str | None, api_key: str | None, state_dir: Path | None) -> "Iterator[Finding]":
    from app.doctor.files import models, signing
    from app.doctor.machine import machine
    from app.doctor.services import service_checks
    from app.doctor.stores import store_checks
    from app.embedded.settings import settings_from_environment
    from app.embedded.valkey import store_url

    settings = settings_from_environment(state_dir=state_dir)
    yield from machine(settings.state_dir)
    yield from models(settings.model_store_dir)
    yield signing(settings.signing_dir)
    named = settings.redis_url is not None
    yield from _or_why("store", lambda: store_checks(store_url(settings), named=named))
    yield from _or_why("service", lambda: service_checks(url, api_key, named=url is not None))


def _or_why(name: str, checks: "Callable[[], Iterator[Finding]]") -> "Iterator[Finding]":
    """What the checks find, or why they cannot be made."""
    from app.client.errors import InvalidArgument
    from app.doctor.findings import fail
    from app.embedded.errors import EmbeddedError

    try:
        yield from checks()
    except (EmbeddedError, InvalidArgument) as error:
        yield fail(name, str(error), "correct it")


def _say(finding: "Finding") -> None:
    colour = {"ok": typer.colors.GREEN, "warn": typer.colors.YELLOW, "fail": typer.colors.RED}
    mark = typer.style(f"{finding.level.upper():<4}", fg=colour[finding.level])
    typer.echo(f"{mark}  {finding.name}: {finding.found}")
    if finding.fix is not None:
        typer.echo(f"      -> {finding.fix}")
