"""Settings come from the environment, and a misspelt one stops the start."""

from pathlib import Path

import pytest

from app.errors import InvalidSetting, UnknownSetting
from app.settings import AppSettings, settings_from_environment, variable_names


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in variable_names():
        monkeypatch.delenv(name, raising=False)


def test_a_fresh_installation_needs_no_variable() -> None:
    settings = settings_from_environment()

    assert settings.redis_url == "redis://127.0.0.1:6379/0"
    assert settings.max_upload_bytes == 32 * 1024 * 1024
    assert settings.allowed_hosts == ("localhost", "127.0.0.1", "[::1]")
    assert settings.dmae_secret is None


def test_variables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://cache:6379/1")
    monkeypatch.setenv("MODEL_STORE_DIR", "/models")
    monkeypatch.setenv("APP_MAX_DRAWS", "5000")
    monkeypatch.setenv("APP_ALLOWED_HOSTS", "api.example.com, *.Internal")

    settings = settings_from_environment()

    assert settings.redis_url == "redis://cache:6379/1"
    assert settings.model_store_dir == Path("/models")
    assert settings.max_draws == 5000
    assert settings.allowed_hosts == ("api.example.com", "*.internal")


def test_a_misspelt_setting_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_MAX_UPLOD_BYTES", "99")

    with pytest.raises(UnknownSetting, match="did you mean APP_MAX_UPLOAD_BYTES"):
        settings_from_environment()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("APP_MAX_DRAWS", "many"),
        ("APP_MAX_DRAWS", "0"),
        ("APP_MAX_WAIT_S", "-1"),
        ("APP_MAX_WAIT_S", "inf"),
        ("APP_JOB_DEADLINE_S", "inf"),
        ("APP_EVALUATION_DEADLINE_S", "1e12"),
        ("APP_LOG_LEVEL", "LOUD"),
        ("DMAE_SECRET", "short"),
    ],
)
def test_a_value_out_of_range_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(InvalidSetting, match=f"^{name}: ") as caught:
        settings_from_environment()

    assert f"{value!r}" not in str(caught.value)


def test_the_secret_does_not_show() -> None:
    assert "s" * 32 not in repr(AppSettings(dmae_secret="s" * 32))
