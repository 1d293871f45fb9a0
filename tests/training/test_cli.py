"""The command line explains itself and says what went wrong."""

import json
from pathlib import Path

import pytest

from training.cli import main


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int | str | None, str]:
    try:
        status: int | str | None = main(words)
    except SystemExit as ended:
        status = ended.code
    captured = capsys.readouterr()
    return status, captured.out + captured.err


@pytest.mark.parametrize("command", ["pretrain", "finetune", "export", "evaluate"])
def test_the_help_lists_every_command(command: str, capsys: pytest.CaptureFixture[str]):
    status, text = run(capsys, "--help")

    assert status == 0
    assert command in text


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("pretrain", "--corruption.mask-ratio"),
        ("finetune", "--consistency"),
        ("export", "--licence"),
        ("evaluate", "--stride"),
    ],
)
def test_every_command_lists_its_options(
    command: str, option: str, capsys: pytest.CaptureFixture[str]
):
    status, text = run(capsys, command, "--help")

    assert status == 0
    assert option in text


def test_an_unknown_recipe_is_answered_with_the_known_ones(capsys: pytest.CaptureFixture[str]):
    status, text = run(capsys, "pretrain", "--recipe", "smok", "--out", "x")

    assert status == 2
    assert "cifar10_vit_tiny" in text


def test_bad_data_is_one_line_and_status_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = ["pretrain", "--recipe", "smoke", "--out", str(tmp_path / "out")]

    status, text = run(capsys, *words, "--data.path", str(tmp_path / "nowhere"))

    assert status == 1
    assert text.endswith("it should hold one folder of images a class\n")
    assert "Traceback" not in text


def test_any_field_can_be_set(image_folder: Path, tmp_path: Path):
    words = ["pretrain", "--recipe", "smoke", "--out", str(tmp_path / "out")]
    words += [f"--data.path={image_folder}", "--data.cache", str(tmp_path / "cache")]

    status = main([*words, "--loop.steps", "2", "--corruption.sigma", "0.5"])

    config = json.loads((tmp_path / "out" / "config.json").read_text())
    origin = json.loads((tmp_path / "out" / "origin.json").read_text())
    assert status == 0
    assert (config["corruption"]["sigma"], config["loop"]["steps"]) == (0.5, 2)
    assert origin["arguments"][:2] == ["--data.path", str(image_folder)]


def test_an_unknown_model_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    status, text = run(capsys, "evaluate", "--model", "no.such", "--store", str(tmp_path))

    assert status == 1
    assert "no.such" in text
