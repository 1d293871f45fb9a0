"""What an evaluation is of: a model of a store, or a run with its own test images."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from training.config import EvaluateConfig, FinetuneConfig
from training.errors import BadCheckpoint, BadConfig, BadData
from training.evaluate import evaluate
from training.evaluation.subject import data_of, open_subject, params_of
from training.finetune import finetune


def a_run(folder: Path, **settings: object) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(settings))
    return folder


def test_a_run_is_evaluated_without_an_export(finetuned: Path, image_folder: Path, tmp_path: Path):
    table = tmp_path / "table.tsv"
    config = EvaluateConfig(
        run=finetuned, data=image_folder, table=table, stride=12, n0=10, n=20, plot=False
    )

    summary = evaluate(config)
    again = evaluate(config)

    assert summary.num_images == again.num_images == 2
    about = json.loads(table.with_name("table.tsv.json").read_text())
    assert about["sigma"] == 0.25
    assert about["model"]


def test_a_classifier_of_clean_images_is_evaluated_under_any_noise(
    finetune_config: FinetuneConfig, image_folder: Path, tmp_path: Path
):
    run = tmp_path / "clean"
    finetune(replace(finetune_config, sigma=0.0), run)

    summary = evaluate(
        EvaluateConfig(run=run, data=image_folder, sigma=0.25, stride=12, n0=10, n=20, plot=False)
    )

    assert summary.num_images == 2


def test_the_export_of_a_run_is_gone_afterwards(finetuned: Path):
    with open_subject(EvaluateConfig(run=finetuned)) as subject:
        directory = subject.directory
        assert (directory / subject.card.weights.file).is_file()

    assert not directory.exists()


def test_the_noise_is_that_of_the_training(finetuned: Path, tmp_path: Path):
    assert params_of(EvaluateConfig(run=finetuned)).sigma == 0.25
    assert params_of(EvaluateConfig(run=finetuned, sigma=0.5)).sigma == 0.5
    assert params_of(EvaluateConfig(run=a_run(tmp_path / "probe", sigma=1.0))).sigma == 1.0


def test_a_run_without_noise_needs_a_sigma(tmp_path: Path):
    with pytest.raises(BadConfig, match="give --sigma"):
        params_of(EvaluateConfig(run=a_run(tmp_path / "run", sigma=0.0)))


def test_a_pre_training_is_no_classifier(tmp_path: Path):
    with pytest.raises(BadCheckpoint, match="finetune or probe it first"):
        params_of(EvaluateConfig(run=a_run(tmp_path / "run", corruption={"sigma": 0.25})))


def test_a_folder_that_is_no_run_is_told(tmp_path: Path):
    with pytest.raises(BadCheckpoint, match="is no run directory"):
        params_of(EvaluateConfig(run=tmp_path))


def test_a_runs_test_images_are_beside_its_training_images(tmp_path: Path):
    run = a_run(tmp_path / "run", data={"source": "folder", "path": str(tmp_path / "train")})
    with pytest.raises(BadData, match="give --data"):
        data_of(EvaluateConfig(run=run))
    (tmp_path / "test").mkdir()

    config, data = data_of(EvaluateConfig(run=run))

    assert (config.source, data) == ("folder", tmp_path / "test")


def test_a_run_on_the_folder_it_was_started_in_has_test_images_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run = a_run(tmp_path / "run", data={"source": "folder", "path": "."})
    for name in ("train", "test"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "train")

    assert data_of(EvaluateConfig(run=run))[1] == tmp_path / "test"


def test_a_run_on_cifar_is_tested_on_cifar(tmp_path: Path):
    run = a_run(tmp_path / "run", data={"source": "cifar100", "path": "data"})

    config, data = data_of(EvaluateConfig(run=run))

    assert (config.source, data) == ("cifar100", Path("data"))


def test_a_models_test_images_are_in_data_test_where_none_are_named():
    assert data_of(EvaluateConfig(model="m"))[1] == Path("data/test")
    assert data_of(EvaluateConfig(model="m", data=Path("x")))[1] == Path("x")
