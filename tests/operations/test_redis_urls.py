"""An address of Redis that cannot work is refused at the start, in words, without its password."""

import pytest
from pydantic import ValidationError

from app.errors import InvalidSetting
from app.settings import settings_from_environment
from worker.settings import load_settings

SENTINEL = "redis+sentinel://:pass-word@one:26379,two:26379/primary/0"


def test_the_web_process_refuses_sentinel_and_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REDIS_URL", SENTINEL)

    with pytest.raises(InvalidSetting, match="always leads to the primary") as refusal:
        settings_from_environment()

    assert "REDIS_URL" in str(refusal.value)
    assert "redis+sentinel://" in str(refusal.value)
    assert "pass-word" not in str(refusal.value)


def test_so_does_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", SENTINEL)

    with pytest.raises(ValidationError, match="always leads to the primary") as refusal:
        load_settings()

    assert "pass-word" not in str(refusal.value)


@pytest.mark.parametrize("url", ["pass-word", "", "http://h:6379", ":pass-word@h:6379"])
def test_what_is_no_address_is_refused_unseen(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", url)

    with pytest.raises(InvalidSetting, match="must begin with one of redis://") as refusal:
        settings_from_environment()

    assert "pass-word" not in str(refusal.value)


@pytest.mark.parametrize("scheme", ["redis://h:1/0", "rediss://h:1/0", "unix:///run/redis.sock"])
def test_addresses_of_one_server_are_taken(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", scheme)

    assert (settings_from_environment().redis_url, load_settings().redis_url) == (scheme, scheme)
