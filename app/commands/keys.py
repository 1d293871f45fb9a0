"""`dmae keys`: who may ask, and what certificates are signed with."""
# ruff: noqa: PLC0415 - loaded when a command is called, so that all of them start at once

import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands.common import FAILED, AsJson, errors_in_words, say, say_json, say_table

if TYPE_CHECKING:
    from jobs.api_keys import StoredKey
    from jobs.command import SyncRunner

HELP = """
API keys, and the keys that certificates are signed with.

API keys are kept in the store: that of REDIS_URL, else that of the `dmae serve` that is running.

\b
  dmae keys create --name laptop
  dmae keys create --name ci --scopes certify,read --tenant vision --expires 90d
  dmae keys list
  dmae keys revoke 0123456789ab
"""

group = typer.Typer(no_args_is_help=True, help=HELP)

StateDir = Annotated[
    Path | None,
    typer.Option(help="Of the running `dmae serve`; DMAE_STATE_DIR, else ~/.local/state/dmae."),
]


@group.command()
def create(
    *,
    name: Annotated[str, typer.Option(help="What it is called, for people.")],
    scopes: Annotated[
        str,
        typer.Option(
            help="What it may do, comma-separated: certify (submit, cancel and delete its own "
            "jobs), read (see them, and the models), admin (see to the whole service)."
        ),
    ] = "certify,read",
    tenant: Annotated[
        str | None,
        typer.Option(help="Keys of one tenant share their jobs.", show_default="one of its own"),
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="A span (90d) or a date.", show_default="never")
    ] = None,
    live_jobs: Annotated[int | None, typer.Option(help="Jobs at a time.")] = None,
    draws_queued: Annotated[int | None, typer.Option(help="Draws that may wait.")] = None,
    draws_per_day: Annotated[int | None, typer.Option(help="Draws a day (UTC).")] = None,
    requests_per_minute: Annotated[int | None, typer.Option(help="Submissions a minute.")] = None,
    weight: Annotated[
        float | None, typer.Option(help="Share of the workers beside tenants of weight 1.")
    ] = None,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a key. It is printed once, and kept nowhere."""
    from app.access.keys import new_key
    from app.access.lifetime import expiry
    from jobs import api_keys
    from jobs.caller import Quota

    limits = {
        "live_jobs": live_jobs,
        "draws_queued": draws_queued,
        "draws_per_day": draws_per_day,
        "requests_per_minute": requests_per_minute,
        "weight": weight,
    }
    now = time.time()
    with errors_in_words(as_json=as_json), open_store(state_dir) as runner:
        try:
            chosen: dict[str, Any] = {key: val for key, val in limits.items() if val is not None}
            made = new_key(
                name=name,
                scopes=_scopes(scopes),
                quota=Quota(**chosen),
                now=now,
                tenant=tenant,
                expires_at=None if expires is None else expiry(expires, now=now),
            )
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
        runner.run(api_keys.create(made.key))
    if as_json:
        say_json({"key": made.text, "id": made.key.id, "tenant": made.key.tenant})
        return
    # The key alone goes to standard output: KEY=$(dmae keys create --name ci).
    say(made.text)
    typer.echo(
        f"Keep it: it is not shown again. Its id is {made.key.id}; this machine needs a key too "
        "from now on. Use it as DMAE_API_KEY, or in the header Authorization: Bearer ...",
        err=True,
    )


@group.command("list")
def list_keys(*, state_dir: StateDir = None, as_json: AsJson = False) -> None:
    """List the keys, without what would open anything."""
    from jobs import api_keys

    with errors_in_words(as_json=as_json), open_store(state_dir) as runner:
        keys = runner.run(api_keys.listing())
    rows = [_row(stored) for stored in keys]
    if as_json:
        say_json(rows)
    elif rows:
        say_table([*rows[0]], [[*row.values()] for row in rows])
    else:
        say("no key was made yet: whoever is at this machine may ask")


@group.command()
def revoke(
    key_id: Annotated[
        str, typer.Argument(metavar="ID", help="The key's id, see `dmae keys list`.")
    ],
    *,
    state_dir: StateDir = None,
) -> None:
    """Let a key open nothing from the next second on."""
    from jobs import api_keys

    with errors_in_words(), open_store(state_dir) as runner:
        known = runner.run(api_keys.revoke(key_id, now=time.time()))
    if not known:
        typer.echo(f"there is no key {key_id!r}", err=True)
        raise typer.Exit(FAILED)
    say(f"revoked {key_id}")


@contextmanager
def open_store(state_dir: Path | None) -> Generator["SyncRunner"]:
    """The store of REDIS_URL, else that of a running `dmae serve`.

    Raises:
        StoreAway: It does not answer.
        EmbeddedError: There can be none.
    """
    from app.embedded.errors import StoreAway
    from app.embedded.settings import settings_from_environment
    from app.embedded.valkey import store_url
    from jobs.command import SyncRunner
    from jobs.connection import make_redis
    from jobs.errors import StoreUnavailable

    settings = settings_from_environment(state_dir=state_dir)
    try:
        with make_redis(store_url(settings)) as connection:
            yield SyncRunner(connection)
    except StoreUnavailable as error:
        if settings.redis_url:
            away = "the store that REDIS_URL names does not answer: start it, or correct REDIS_URL"
        else:
            away = (
                f"the store that {settings.state_dir} is for does not answer; "
                "is `dmae serve` running?"
            )
        raise StoreAway(away) from error


def _scopes(text: str) -> frozenset[Any]:
    from jobs.caller import SCOPES

    named = frozenset(each.strip() for each in text.split(",") if each.strip())
    unknown = sorted(named - SCOPES)
    if unknown or not named:
        said = f"{unknown[0]!r} is none" if unknown else "none is named"
        raise ValueError(f"scopes are {', '.join(sorted(SCOPES))}; {said}")
    return named


def _row(stored: "StoredKey") -> dict[str, str]:
    from datetime import UTC, datetime

    def moment(seconds: float | None) -> str:
        if seconds is None:
            return "-"
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="minutes")

    key = stored.key
    state = "open" if stored.opens(time.time()) else "expired"
    return {
        "id": key.id,
        "name": key.name,
        "tenant": key.tenant,
        "scopes": ",".join(sorted(key.scopes)),
        "state": "revoked" if stored.revoked_at else state,
        "made": moment(key.created_at),
        "expires": moment(key.expires_at),
        "used": moment(stored.last_used_at),
    }
