"""`dmae --version`."""

import tomllib
from pathlib import Path

from typer.testing import CliRunner

from app.cli import cli

PROJECT = Path(__file__).parents[3] / "pyproject.toml"


def test_the_version_is_that_of_the_project() -> None:
    stated = tomllib.loads(PROJECT.read_text())["project"]["version"]

    result = CliRunner().invoke(cli, ["--version"])

    assert (result.exit_code, result.stdout) == (0, f"dmae-certify {stated}\n")
