"""What cannot be trained is refused by name, and before time is spent."""

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from training.config import CorruptionConfig, FinetuneConfig, LoopConfig, PretrainConfig
from training.engine import disk
from training.engine.run_directory import LOCK
from training.errors import BadCheckpoint, BadConfig, ConfigDiffers, DiskFull, InUse
from training.finetune import finetune
from training.locks import alone
from training.pretrain import pretrain


def test_another_configuration_is_refused_by_the_name_of_its_field(
    pretrain_config: PretrainConfig, tmp_path: Path
):
    pretrain(pretrain_config, tmp_path)
    other = replace(
        pretrain_config,
        corruption=CorruptionConfig(sigma=0.5),
        loop=replace(pretrain_config.loop, batch_size=4),
    )

    with pytest.raises(
        ConfigDiffers,
        match=r"corruption\.sigma, loop\.batch_size differ; .* the values in .*config\.json",
    ) as caught:
        pretrain(other, tmp_path)

    assert caught.value.fields == ("corruption.sigma", "loop.batch_size")


def test_how_often_is_logged_may_change(pretrain_config: PretrainConfig, tmp_path: Path):
    pretrain(pretrain_config, tmp_path)

    pretrain(replace(pretrain_config, loop=replace(pretrain_config.loop, log_every=2)), tmp_path)


def test_a_pretraining_is_no_finetuning(
    pretrain_config: PretrainConfig, finetune_config: FinetuneConfig, tmp_path: Path
):
    pretrain(pretrain_config, tmp_path)

    with pytest.raises(
        ConfigDiffers, match="a run of pretrain, not of finetune; choose another --out"
    ):
        finetune(finetune_config, tmp_path)


def test_a_run_of_another_configuration_is_refused_before_any_image_is_looked_for(
    pretrain_config: PretrainConfig, tmp_path: Path
):
    pretrain(pretrain_config, tmp_path / "run")
    gone = replace(pretrain_config.data, path=tmp_path / "gone")

    with pytest.raises(ConfigDiffers, match=r"data\.path"):
        pretrain(replace(pretrain_config, data=gone), tmp_path / "run")


@pytest.mark.parametrize("fault", ["no such run", "no room"])
def test_what_can_be_known_is_refused_before_images_are_decoded(
    fault: str, pretrain_config: PretrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    config = replace(
        pretrain_config, data=replace(pretrain_config.data, cache=tmp_path / "never written")
    )
    if fault == "no room":
        monkeypatch.setattr(disk, "free_bytes", lambda _: 1000)
    else:
        config = replace(config, init=tmp_path / "nowhere")

    with pytest.raises(DiskFull if fault == "no room" else BadCheckpoint):
        pretrain(config, tmp_path / "run")

    assert not (tmp_path / "never written").exists()
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["file", "file/run"])
def test_a_directory_that_cannot_be_made_is_refused_before_images_are_decoded(
    name: str, pretrain_config: PretrainConfig, tmp_path: Path
):
    (tmp_path / "file").touch()
    data = replace(pretrain_config.data, cache=tmp_path / "never written")

    with pytest.raises(BadConfig, match=r"file is a file; choose another --out"):
        pretrain(replace(pretrain_config, data=data), tmp_path / name)

    assert not (tmp_path / "never written").exists()


def test_two_processes_do_not_train_in_one_directory(
    pretrain_config: PretrainConfig, tmp_path: Path
):
    pretrain(pretrain_config, tmp_path)

    with (
        alone(tmp_path / LOCK, doing="", option=""),
        pytest.raises(InUse, match=r"another process is training in .*: wait for it, end it"),
    ):
        pretrain(pretrain_config, tmp_path)
    pretrain(pretrain_config, tmp_path)


def test_who_is_refused_a_directory_writes_nothing_into_it_and_decodes_no_images(
    pretrain_config: PretrainConfig, tmp_path: Path
):
    run, cache = tmp_path / "run", tmp_path / "never written"
    config = replace(pretrain_config, data=replace(pretrain_config.data, cache=cache))

    with alone(run / LOCK, doing="", option=""), pytest.raises(InUse):
        pretrain(config, run)

    assert list(run.iterdir()) == []
    assert not cache.exists()


def test_a_run_does_not_go_on_with_other_images(pretrain_config: PretrainConfig, tmp_path: Path):
    folder = shutil.copytree(pretrain_config.data.path, tmp_path / "images")
    config = replace(pretrain_config, data=replace(pretrain_config.data, path=folder))
    pretrain(config, tmp_path / "run")
    next(folder.rglob("*.png")).unlink()

    with pytest.raises(ConfigDiffers, match=r"trained on 24 images of 3 classes, .* now has 23"):
        pretrain(config, tmp_path / "run")


def test_other_images_are_refused_before_they_are_decoded(
    finetune_config: FinetuneConfig, tmp_path: Path
):
    folder = shutil.copytree(finetune_config.data.path, tmp_path / "images")
    config = replace(finetune_config, data=replace(finetune_config.data, path=folder))
    finetune(config, tmp_path / "run")
    shutil.rmtree(next(each for each in sorted(folder.iterdir()) if each.is_dir()))
    elsewhere = replace(config.data, cache=tmp_path / "never written")

    with pytest.raises(ConfigDiffers, match=r"images of 3 classes, .* now has .* of 2"):
        finetune(replace(config, data=elsewhere), tmp_path / "run")

    assert not (tmp_path / "never written").exists()


def test_a_run_goes_on_with_copies_of_its_images_only(
    pretrain_config: PretrainConfig, tmp_path: Path
):
    folder = shutil.copytree(pretrain_config.data.path, tmp_path / "images")
    config = replace(pretrain_config, data=replace(pretrain_config.data, path=folder))
    pretrain(config, tmp_path / "run")
    changed, *_ = sorted(folder.rglob("*.png"))
    os.utime(changed, (0, 0))
    pretrain(config, tmp_path / "run")
    changed.write_bytes(changed.read_bytes() + b"more")

    with pytest.raises(ConfigDiffers, match=r"was trained on other images than .* has now"):
        pretrain(config, tmp_path / "run")


@pytest.mark.parametrize(
    ("loop", "words"),
    [
        (LoopConfig(batch_size=8), r"--loop\.steps or --loop\.epochs"),
        (LoopConfig(steps=1, batch_size=25), "batch_size 25 needs .* there are 24"),
    ],
)
def test_a_run_without_an_end_or_a_batch_is_refused(loop: LoopConfig, words: str):
    with pytest.raises(BadConfig, match=words):
        loop.total_steps(24)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"epochs": 0.0}, "epochs must be above 0"),
        ({"epochs": float("inf")}, "epochs must be above 0 and finite"),
        ({"device": "cuda", "shares": 2, "parallel": 2}, "parallel above 1 is for CPUs"),
        ({"parallel": -1}, "parallel must be 0 or above"),
    ],
)
def test_a_loop_that_cannot_be_is_refused(settings: dict[str, Any], words: str):
    with pytest.raises(BadConfig, match=words):
        LoopConfig(**settings)


def test_steps_decide_over_epochs():
    assert LoopConfig(steps=5, epochs=2, batch_size=8).total_steps(24) == 5
    assert LoopConfig(epochs=2, batch_size=8).total_steps(31) == 6
    assert LoopConfig(epochs=0.1, batch_size=8).total_steps(24) == 1


def test_a_batch_of_more_images_than_there_are_is_refused_before_they_are_decoded(
    pretrain_config: PretrainConfig, tmp_path: Path
):
    data = replace(pretrain_config.data, cache=tmp_path / "cache")
    loop = replace(pretrain_config.loop, batch_size=64)

    with pytest.raises(BadConfig, match=r"64 .* there are 24; choose a smaller --loop\.batch-size"):
        pretrain(replace(pretrain_config, data=data, loop=loop), tmp_path / "out")

    assert list(tmp_path.iterdir()) == []


def test_a_damaged_configuration_is_named(pretrain_config: PretrainConfig, tmp_path: Path):
    (tmp_path / "config.json").write_text("")

    with pytest.raises(BadCheckpoint, match=r"config\.json was damaged"):
        pretrain(pretrain_config, tmp_path)
