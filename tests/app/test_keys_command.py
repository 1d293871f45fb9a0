"""`dmae keys` makes, lists and revokes keys in the store that it is pointed to."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.access.keys import id_of, matches
from app.access.lifetime import expiry
from app.cli import cli
from jobs import api_keys

pytestmark = pytest.mark.redis


@pytest.fixture
def dmae(redis_url: str) -> Any:
    def run(*arguments: str, **environment: str) -> Result:
        return CliRunner().invoke(cli, arguments, env={"REDIS_URL": redis_url} | environment)

    return run


def test_a_key_is_printed_alone_so_that_a_shell_can_keep_it(dmae: Any, worker: Any) -> None:
    made = dmae("keys", "create", "--name", "laptop")

    key = made.stdout.strip()
    key_id = id_of(key)
    assert made.exit_code == 0
    assert key_id is not None
    stored = worker.run(api_keys.read(key_id))
    assert matches(key, stored.key)
    assert stored.key.scopes == {"certify", "read"}
    assert stored.key.tenant == stored.key.id
    assert "not shown again" in made.stderr


def test_what_is_asked_of_a_key_is_kept(dmae: Any, worker: Any) -> None:
    options = ["--scopes", "read, admin", "--tenant", "vision", "--expires", "2100-01-31"]
    limits = ["--live-jobs", "3", "--draws-per-day", "1000", "--weight", "2.5"]

    made = json.loads(dmae("keys", "create", "--name", "ci", "--json", *options, *limits).stdout)

    key = worker.run(api_keys.read(made["id"])).key
    assert (key.name, key.tenant, key.scopes) == ("ci", "vision", {"read", "admin"})
    assert (key.quota.live_jobs, key.quota.draws_per_day, key.quota.weight) == (3, 1000, 2.5)
    assert key.quota.requests_per_minute == 600
    assert key.expires_at == 4_105_036_800


@pytest.mark.parametrize(
    "wrong",
    [
        ["--scopes", "all"],
        ["--scopes", ""],
        ["--expires", "soon"],
        ["--expires", "2001-01-01"],
        ["--expires", "999999w"],
        ["--weight", "0"],
        ["--live-jobs", "-1"],
        ["--tenant", "my team"],
    ],
)
def test_what_makes_no_sense_makes_no_key(dmae: Any, worker: Any, wrong: list[str]) -> None:
    refused = dmae("keys", "create", "--name", "a", *wrong)

    assert refused.exit_code == 2
    assert worker.run(api_keys.listing()) == ()


def test_keys_are_listed_without_what_opens_anything(dmae: Any) -> None:
    key = dmae("keys", "create", "--name", "laptop").stdout.strip()
    dmae("keys", "create", "--name", "gone", "--expires", "1m")

    listed = json.loads(dmae("keys", "list", "--json").stdout)
    text = dmae("keys", "list").stdout

    assert [row["name"] for row in listed] == ["laptop", "gone"]
    assert listed[0]["state"] == "open"
    assert key[18:] not in text
    assert id_of(key) in text


def test_a_key_is_revoked_by_its_id(dmae: Any) -> None:
    key = dmae("keys", "create", "--name", "laptop").stdout.strip()

    revoked = dmae("keys", "revoke", id_of(key))
    again = dmae("keys", "revoke", id_of(key))
    unknown = dmae("keys", "revoke", "0123456789ab")

    assert (revoked.exit_code, again.exit_code, unknown.exit_code) == (0, 0, 1)
    assert json.loads(dmae("keys", "list", "--json").stdout)[0]["state"] == "revoked"


def test_a_store_that_is_away_is_said_to_be(dmae: Any, tmp_path: Path) -> None:
    away = dmae("keys", "list", "--state-dir", str(tmp_path), REDIS_URL="")

    named = dmae("keys", "list", REDIS_URL=f"unix://{tmp_path}/none")

    assert (away.exit_code, named.exit_code) == (1, 1)
    assert "is `dmae serve` running?" in away.stderr
    assert "start it, or correct REDIS_URL" in named.stderr


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30m", 1800), ("12h", 43_200), ("90d", 7_776_000), ("2w", 1_209_600)],
)
def test_a_span_counts_from_now(text: str, seconds: int) -> None:
    assert expiry(text, now=1000.0) == 1000.0 + seconds


def test_a_date_without_a_zone_is_utc() -> None:
    assert expiry("1970-01-02", now=0.0) == expiry("1970-01-02T01:00:00+01:00", now=0.0) == 86_400
