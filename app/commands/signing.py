"""`dmae keys signing`: the keys that certificates are signed with."""
# ruff: noqa: PLC0415 - loaded when a command is called, so that all of them start at once

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.common import AsJson, errors_in_words, say, say_json, say_table

if TYPE_CHECKING:
    from app.certificates.keys import Key

HELP = """
The keys that certificates are signed with: files of a directory, APP_SIGNING_KEYS_DIR, else that of
`dmae serve`. The newest that is not retired signs. The service notices changes by itself.

\b
  dmae keys signing new
  dmae keys signing list
  dmae keys signing retire KID

A retired key signs no more, and what it signed stays valid. If a private key may have been seen by
others, delete its file: everything it signed is then refused.
"""

group = typer.Typer(no_args_is_help=True, help=HELP)

Directory = Annotated[
    Path | None,
    typer.Option("--dir", help="Of the keys; APP_SIGNING_KEYS_DIR, else that of `dmae serve`."),
]


@group.command()
def new(*, directory: Directory = None, as_json: AsJson = False) -> None:
    """Make a key, which signs from now on."""
    from app.certificates.key_directory import add_key

    with errors_in_words(as_json=as_json):
        place = _place(directory)
        key = add_key(place)
    if as_json:
        say_json(key.public())
    else:
        say(f"{key.kid}\n  in {place}; it signs from now on")


@group.command("list")
def list_keys(*, directory: Directory = None, as_json: AsJson = False) -> None:
    """List the keys, newest first; with --json as the JWK set that verifiers need."""
    from app.certificates.key_directory import read_directory, signing_key
    from app.certificates.keys import age, key_set

    with errors_in_words(as_json=as_json):
        place = _place(directory)
        known = read_directory(place)
    if as_json:
        say_json(key_set(known))
        return
    keys = sorted(known.values(), key=age, reverse=True)
    if not keys:
        say(f"no key in {place}: certificates are not signed by it")
        return
    signing = signing_key(known)
    rows = [(key.kid, _state(key, signing), _moment(key.created_at)) for key in keys]
    say_table(("key", "state", "made"), rows)


# One key's name in 64 begins with a dash: what is no option of this command is the name.
@group.command(context_settings={"ignore_unknown_options": True})
def retire(
    kid: Annotated[
        str, typer.Argument(metavar="KID", help="Name of the key, see `dmae keys signing list`.")
    ],
    *,
    directory: Directory = None,
) -> None:
    """Let a key sign no more; what it signed stays valid."""
    from app.certificates.key_directory import read_directory, retire_key, signing_key

    with errors_in_words():
        place = _place(directory)
        retire_key(place, kid)
        left = signing_key(read_directory(place))
    by = "nothing is signed now" if left is None else f"{left.kid} signs now"
    say(f"retired {kid}; {by}")


def _place(directory: Path | None) -> Path:
    from app.embedded.settings import settings_from_environment

    if directory is not None:
        return directory
    return settings_from_environment().signing_dir


def _state(key: "Key", signing: "Key | None") -> str:
    if key.retired_at is not None:
        return f"retired {_moment(key.retired_at)}"
    return "signs" if key == signing else "ready"


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="minutes")
