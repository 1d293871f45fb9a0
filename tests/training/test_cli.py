"""The command line explains itself and says what went wrong."""

import dataclasses
import json
import logging
import typing
from pathlib import Path
from typing import Any

import pytest

from model_store.registry import Registry
from training import config as configs
from training import export, hardware, preview, recipes
from training.cli import COMMANDS, main
from training.cli_help import GUIDES
from training.cli_options import take, with_implied

OURS = ["--model", Registry().ids()[0]]


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int | str | None, str]:
    try:
        status: int | str | None = main(words)
    except SystemExit as ended:
        status = ended.code
    captured = capsys.readouterr()
    return status, captured.out + captured.err


def small(image_folder: Path, tmp_path: Path) -> list[str]:
    data = ["--data.source", "folder", f"--data.path={image_folder}"]
    few = ["--loop.steps", "2", "--loop.batch-size", "8"]
    return [*data, "--data.cache", str(tmp_path / "cache"), *few]


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


def test_any_field_can_be_set(image_folder: Path, tmp_path: Path):
    words = ["pretrain", "--recipe", "smoke", "--out", str(tmp_path / "out")]

    status = main([*words, *small(image_folder, tmp_path), "--corruption.sigma", "0.5"])

    config = json.loads((tmp_path / "out" / "config.json").read_text())
    origin = json.loads((tmp_path / "out" / "origin.json").read_text())
    assert status == 0
    assert (config["corruption"]["sigma"], config["loop"]["steps"]) == (0.5, 2)
    assert origin["arguments"][2:4] == ["--data.path", str(image_folder)]


def test_epochs_take_the_place_of_the_recipe_s_steps(image_folder: Path, tmp_path: Path):
    data = small(image_folder, tmp_path)
    data.remove("--loop.steps")
    data.remove("2")

    main(["pretrain", "--recipe", "smoke", "--out", str(tmp_path), *data, "--loop.epochs", "1"])

    assert json.loads((tmp_path / "config.json").read_text())["loop"]["steps"] is None
    assert json.loads((tmp_path / "checkpoint.json").read_text())["step"] == 3


def test_only_a_new_run_says_what_it_starts_from(
    image_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, "training")
    words = ["pretrain", "--recipe", "smoke", "--out", str(tmp_path / "out")]
    said: list[bool] = []
    for _ in range(2):
        main([*words, *small(image_folder, tmp_path)])
        said.append("starting from fresh weights" in caplog.text)
        caplog.clear()

    assert said == [True, False]


@pytest.mark.parametrize(
    ("words", "model"),
    [
        ([], "smoke.scratch_s025"),
        (["--sigma", "0.5"], "smoke.scratch_s050"),
        (["--precision", "int8"], "smoke.scratch_s025-int8"),
        (["--id", "my.model"], "my.model"),
    ],
)
def test_a_recipe_s_model_is_called_by_what_it_is(
    words: list[str], model: str, finetuned: Path, monkeypatch: pytest.MonkeyPatch
):
    exported: list[configs.ExportConfig] = []
    monkeypatch.setattr(export, "export", exported.append)

    main(["export", "--recipe", "smoke", "--run", str(finetuned), *words])

    assert [each.id for each in exported] == [model]


def test_a_linear_probe_does_not_take_the_place_of_the_fine_tuned_model(
    finetuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    exported: list[configs.ExportConfig] = []
    monkeypatch.setattr(export, "export", exported.append)
    settings = json.loads((finetuned / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**settings, "command": "linear-probe"}))

    main(["export", "--recipe", "smoke", "--run", str(tmp_path)])

    assert [each.id for each in exported] == ["smoke.scratch_s025-probe"]


def test_a_model_whose_beginning_is_gone_is_not_called_trained_from_scratch(
    finetuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    exported: list[configs.ExportConfig] = []
    monkeypatch.setattr(export, "export", exported.append)
    settings = json.loads((finetuned / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**settings, "init": "gone/pre"}))

    main(["export", "--recipe", "smoke", "--run", str(tmp_path)])

    assert [each.id for each in exported] == ["smoke.other_s025"]


def test_a_preview_of_a_named_run_is_written_into_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shown: list[configs.PreviewConfig] = []
    monkeypatch.setattr(preview, "preview", lambda config, _: shown.append(config))
    monkeypatch.chdir(tmp_path)

    main(["preview", "--recipe", "smoke", "--run", "runs/mine"])

    assert [(each.run, each.out) for each in shown] == [(Path("runs/mine"), None)]


def test_a_pretraining_is_exported_for_others_and_refused_as_a_model(
    image_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "out"
    main(["pretrain", "--recipe", "smoke", "--out", str(out), *small(image_folder, tmp_path)])
    words = ["export", "--recipe", "smoke", "--run", str(out)]

    assert run(capsys, *words, "--format", "official")[0] == 0
    status, text = run(capsys, *words)

    assert status == 1
    assert "is no fine-tuning" in text


def test_an_objective_is_set_and_recorded(image_folder: Path, tmp_path: Path):
    words = ["pretrain", "--recipe", "smoke", "--out", str(tmp_path), "--objective", "mae"]

    main([*words, *small(image_folder, tmp_path)])

    config = json.loads((tmp_path / "config.json").read_text())
    origin = json.loads((tmp_path / "origin.json").read_text())
    assert (config["corruption"]["sigma"], config["corruption"]["loss_on"]) == (0.0, "masked")
    assert origin["arguments"][:2] == ["--objective", "mae"]


def test_from_scratch_has_to_be_said(image_folder: Path, tmp_path: Path):
    words = ["finetune", "--recipe", "smoke", "--out", str(tmp_path / "out"), "--init", "none"]

    status = main([*words, *small(image_folder, tmp_path)])

    assert status == 0
    assert json.loads((tmp_path / "out" / "config.json").read_text())["init"] is None


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
