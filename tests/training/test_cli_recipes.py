"""What a recipe's commands are given, what they record, and what they call their models."""

import json
import logging
from pathlib import Path

import pytest

from tests.training.commanding import run, small
from training import config as configs
from training import export, preview
from training.cli import main


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


def test_a_start_from_an_unfinished_run_is_told(
    image_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, "training")
    first, data = tmp_path / "first", small(image_folder, tmp_path)
    main(["pretrain", "--recipe", "smoke", "--out", str(first), *data])
    words = ["pretrain", "--recipe", "smoke", "--init", str(first), *data, "--out"]
    main([*words, str(tmp_path / "second")])
    assert f"starting from {first}" in caplog.messages

    head = json.loads((first / "checkpoint.json").read_text())
    (first / "checkpoint.json").write_text(json.dumps({**head, "step": 1}))
    main([*words, str(tmp_path / "third")])

    assert f"starting from {first}, which is at step 1 of 2" in caplog.messages


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


@pytest.mark.parametrize(
    ("settings", "model"),
    [
        ({"command": "linear-probe"}, "smoke.scratch_s025-probe"),
        ({"init": "gone/pre"}, "smoke.other_s025"),
    ],
)
def test_neither_a_probe_nor_a_run_of_lost_origin_takes_another_model_s_name(
    settings: dict[str, str],
    model: str,
    finetuned: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    exported: list[configs.ExportConfig] = []
    monkeypatch.setattr(export, "export", exported.append)
    recorded = json.loads((finetuned / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**recorded, **settings}))

    main(["export", "--recipe", "smoke", "--run", str(tmp_path)])

    assert [each.id for each in exported] == [model]


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
