"""The command line explains itself and says what went wrong."""

import dataclasses
import typing
from pathlib import Path
from typing import Any

import pytest

from model_store.registry import Registry
from tests.training.commanding import run
from training import config as configs
from training import hardware, recipes
from training.cli import COMMANDS
from training.cli_help import GUIDES
from training.cli_options import take, with_implied

OURS = ["--model", Registry().ids()[0]]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_lists_every_command(command: str, capsys: pytest.CaptureFixture[str]):
    status, text = run(capsys, "--help")

    assert status == 0
    assert GUIDES[command].summary in text


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("pretrain", "--corruption.mask-ratio"),
        ("pretrain", "--out DIR"),
        ("finetune", "--out DIR"),
        ("finetune", "--consistency"),
        ("linear-probe", "--statistics-images"),
        ("evaluate", "--stride"),
        ("compare", "--common"),
        ("export", "--licence"),
        ("import", "--normalisation"),
        ("preview", "--images"),
    ],
)
def test_every_command_lists_its_options(
    command: str, option: str, capsys: pytest.CaptureFixture[str]
):
    status, text = run(capsys, command, "--help")

    assert status == 0
    assert option in text
    assert f"python -m training {command} " in text


def unexplained(kind: type[Any]) -> list[str]:
    found: list[str] = []
    for field, hint in typing.get_type_hints(kind).items():
        if dataclasses.is_dataclass(hint):
            found += unexplained(typing.cast(type[Any], hint))
        elif f"        {field}: " not in (kind.__doc__ or ""):
            found.append(f"{kind.__name__}.{field}")
    return found


@pytest.mark.parametrize("name", [*configs.__all__])
def test_no_option_goes_unexplained(name: str):
    kind = getattr(configs, name)

    assert not dataclasses.is_dataclass(kind) or unexplained(typing.cast(type[Any], kind)) == []


@pytest.mark.parametrize("name", recipes.PRETRAIN)
def test_the_help_describes_every_recipe(name: str, capsys: pytest.CaptureFixture[str]):
    _, text = run(capsys, "pretrain", "--help")

    assert f"  {name} " in text
    assert (recipes.PRETRAIN[name].__doc__ or "").splitlines()[0] in text


def test_the_help_with_a_recipe_has_that_recipe_s_values(capsys: pytest.CaptureFixture[str]):
    _, text = run(capsys, "pretrain", "--recipe", "cifar10_vit_tiny_cpu", "--help")

    assert "(default: 2800)" in text


@pytest.mark.parametrize("command", ["finetune", "linear-probe"])
def test_the_help_says_which_run_is_started_from(command: str, capsys: pytest.CaptureFixture[str]):
    _, text = run(capsys, command, "--recipe", "smoke", "--help")

    assert "(default: runs/smoke/pretrain)" in " ".join(text.replace("│", " ").split())


def test_no_words_are_answered_with_the_help(capsys: pytest.CaptureFixture[str]):
    assert run(capsys)[0] == 0


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["pretrian"], "did you mean pretrain?"),
        (["pretrain"], "which --recipe? the recipes are smoke, cifar10_vit_tiny"),
        (["pretrain", "--recipe", "smok"], "no recipe is called 'smok'; did you mean smoke?"),
        (["pretrain", "--recipe"], "--recipe needs a value"),
        (["pretrain", "--recipe", "smoke", "--objective", "nm"], "did you mean nim?"),
        (["pretrain", "--recipe", "smoke", "--loop.stps", "3"], "did you mean --loop.steps?"),
        (["pretrain", "--recipe", "smoke", "--sigma", "1"], "did you mean --corruption.sigma?"),
        (["pretrain", "--recipe", "smoke", "--zzz"], "no option is called --zzz; --help lists"),
        (["pretrain", "--recipe", "smoke", "--loop.steps", "many"], "--loop.steps: no type"),
        (["pretrain", "--recipe", "smoke", "--loop.steps", "0"], "steps must be 1 or above"),
        (["pretrain", "--recipe=smoke", "--loop.precision", "half"], "invalid choice 'half'"),
        (["evaluate"], "Give --recipe NAME, --run DIR"),
        (["export"], "Give --recipe NAME or --run DIR"),
        (["preview"], "Give --recipe NAME or --run DIR"),
        (["evaluate", *OURS, "--n", "0"], "n must be a whole number in [1,"),
        (["compare"], "name one table or more"),
    ],
)
def test_a_wrong_command_line_is_answered_in_one_line(
    words: list[str], answer: str, capsys: pytest.CaptureFixture[str]
):
    status, text = run(capsys, *words)

    assert status == 2
    assert answer.lower() in text.lower()
    assert text.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "fix"),
    [
        ("finetune", "pretrain --recipe smoke`, or train from scratch with --init none"),
        ("linear-probe", "pretrain --recipe smoke`, or train from scratch with --init none"),
        ("evaluate", "finetune --recipe smoke`"),
        ("export", "finetune --recipe smoke`"),
    ],
)
def test_a_run_that_is_still_missing_is_told_with_the_command_that_makes_it(
    command: str,
    fix: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.chdir(tmp_path)

    status, text = run(capsys, command, "--recipe", "smoke")

    assert status == 1
    assert text.endswith(f"{fix}\n")
    assert list(tmp_path.iterdir()) == []


def test_the_run_that_a_recipe_of_the_paper_goes_on_from_is_told_with_its_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)

    status, text = run(capsys, "pretrain", "--recipe", "cifar10_vit_base_224")

    assert status == 1
    assert "make it with `python -m training pretrain --recipe imagenet_vit_base`, or" in text


def test_bad_data_is_one_line_and_status_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = ["pretrain", "--recipe", "smoke", "--out", str(tmp_path / "out")]
    words += ["--data.source", "folder", "--data.path", str(tmp_path / "nowhere")]

    status, text = run(capsys, *words)

    assert status == 1
    assert "nowhere is not a folder" in text
    assert text.count("\n") == 1


@pytest.mark.parametrize(
    ("device", "answer"),
    [
        ("cuda:99", "--loop.device cpu --loop.no-compile computes without one"),
        ("gpu", "no device is called"),
        ("mps", "cpu, cuda and cuda:1 can"),
    ],
)
def test_a_device_that_is_not_here_is_refused_at_once(
    device: str, answer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    words = ["pretrain", "--recipe", "smoke", "--out", str(tmp_path / "out")]

    status, text = run(capsys, *words, "--loop.device", device)

    assert status == 1
    assert answer in text
    assert not (tmp_path / "out").exists()


def test_a_compiler_that_is_not_here_is_missed_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(hardware, "_compiles", lambda: False)
    words = ["pretrain", "--recipe", "smoke", "--out", str(tmp_path / "out"), "--loop.compile"]

    status, text = run(capsys, *words)

    assert status == 1
    assert "needs a C++ compiler, which is not here; --loop.no-compile computes" in text
    assert not (tmp_path / "out").exists()


def test_an_unknown_model_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    status, text = run(capsys, "evaluate", "--model", "no.such", "--store", str(tmp_path))

    assert status == 1
    assert "no.such" in text


def test_the_last_of_several_values_counts_and_both_spellings_do():
    words = ["--out", "a", "--x", "1", "--out=b"]

    assert take(words, "--out") == ("b", ["--x", "1"])


def test_what_is_implied_gives_way_to_what_is_said():
    implied = {"--n": "200", "--max-images": "12"}

    assert with_implied(["--max_images=3"], implied) == ["--n", "200", "--max_images=3"]


@pytest.mark.parametrize("name", [*COMMANDS, *recipes.PRETRAIN])
def test_the_documentation_names_every_command_and_recipe(name: str):
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text()

    assert f"`{name}`" in page or f"training {name} " in page


@pytest.mark.parametrize("page", ["README.md", "docs/architecture.md"])
@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_introduced(name: str, page: str):
    assert f"`{name}`" in (Path(__file__).parents[2] / page).read_text()
