"""The `dmae` command against a live service, and pictures for it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli import cli


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DMAE_URL", "DMAE_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def dmae(live: str) -> Callable[..., Result]:
    """Runs a command against the application."""

    def run(*arguments: object, key: str = "") -> Result:
        environment = {"DMAE_URL": live} | ({"DMAE_API_KEY": key} if key else {})
        return CliRunner().invoke(cli, [str(each) for each in arguments], env=environment)

    return run


@pytest.fixture
def folder(tmp_path: Path, picture: Callable[..., bytes]) -> Path:
    """Three pictures, one of them in a folder below, and what is none."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for name, seed in (("a.png", 0), ("b.png", 1), ("more/a.png", 2)):
        (folder / name).write_bytes(picture(seed))
    (folder / "readme.txt").write_text("no picture")
    return folder
