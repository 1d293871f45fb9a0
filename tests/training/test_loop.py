"""Runs: exact resume, refusals, records."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor

from training import finetune as finetune_module
from training import pretrain as pretrain_module
from training.config import FinetuneConfig, PretrainConfig
from training.engine import checkpoints
from training.finetune import finetune
from training.pretrain import pretrain


class Killed(BaseException):
    """Stands for kill -9: nothing in the loop may catch it."""


def kill_after(steps: int, monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str) -> None:
    """Makes the loss of this name die on the call after so many."""
    calls, loss = iter(range(steps)), getattr(module, name)

    def dying(*args: object, **options: object) -> Tensor:
        if next(calls, None) is None:
            raise Killed
        return loss(*args, **options)

    monkeypatch.setattr(module, name, dying)


def losses(out: Path) -> list[tuple[str, str]]:
    with (out / "losses.csv").open(newline="") as file:
        return [(row["step"], row["loss"]) for row in csv.DictReader(file)]


@pytest.mark.parametrize("killed_at", [0, 4])
def test_a_killed_pretraining_continues_with_the_very_same_losses(
    killed_at: int, pretrain_config: PretrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pretrain(pretrain_config, tmp_path / "whole")
    kill_after(killed_at, monkeypatch, pretrain_module, "denoising_loss")
    with pytest.raises(Killed):
        pretrain(pretrain_config, tmp_path / "killed")
    monkeypatch.undo()

    pretrain(pretrain_config, tmp_path / "killed")

    assert losses(tmp_path / "killed") == losses(tmp_path / "whole")
    assert len(losses(tmp_path / "whole")) == 6


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_killed_finetuning_continues_with_the_very_same_losses(
    optimizer: str, finetune_config: FinetuneConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    optim = replace(finetune_config.optim, optimizer=optimizer)
    loop = replace(finetune_config.loop, precision="bfloat16")
    config = replace(finetune_config, drop_path=0.5, optim=optim, loop=loop)
    finetune(config, tmp_path / "whole")
    kill_after(4, monkeypatch, finetune_module, "noisy_loss")
    with pytest.raises(Killed):
        finetune(config, tmp_path / "killed")
    monkeypatch.undo()

    finetune(config, tmp_path / "killed")

    assert losses(tmp_path / "killed") == losses(tmp_path / "whole")


def test_a_finished_run_is_left_alone(pretrain_config: PretrainConfig, tmp_path: Path):
    pretrain(pretrain_config, tmp_path)
    before = losses(tmp_path)

    pretrain(pretrain_config, tmp_path)

    assert losses(tmp_path) == before


def test_a_run_killed_just_before_its_curves_draws_them(
    pretrain_config: PretrainConfig, tmp_path: Path
):
    pretrain(pretrain_config, tmp_path)
    (tmp_path / "curves.png").unlink()

    pretrain(pretrain_config, tmp_path)

    assert (tmp_path / "curves.png").is_file()


def test_epochs_are_counted_in_whole_batches(pretrain_config: PretrainConfig, tmp_path: Path):
    # 24 images in batches of 7: 3 whole ones an epoch, the remainder left out.
    loop = replace(pretrain_config.loop, steps=None, epochs=2, batch_size=7)

    pretrain(replace(pretrain_config, loop=loop), tmp_path)

    assert [step for step, _ in losses(tmp_path)] == [str(step) for step in range(1, 7)]


def test_a_run_records_its_configuration_and_origin(finetuned: Path):
    config = json.loads((finetuned / "config.json").read_text())
    origin = json.loads((finetuned / "origin.json").read_text())

    assert (config["command"], config["sigma"], config["loop"]["steps"]) == ("finetune", 0.25, 6)
    assert origin["recipe"] == "smoke"
    assert "torch" in origin["hardware"]


def test_held_out_accuracy_is_recorded(finetune_config: FinetuneConfig, tmp_path: Path):
    loop = replace(finetune_config.loop, validate_every=3)
    data = replace(finetune_config.data, validation_every=6)

    finetune(replace(finetune_config, loop=loop, data=data), tmp_path)

    lines = (tmp_path / "validation.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [3, 6]
    assert 0 <= json.loads(lines[-1])["noisy_accuracy"] <= 1


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_shares_one_after_the_other_compute_what_shares_at_once_do(
    precision: str, pretrain_config: PretrainConfig, tmp_path: Path
):
    for parallel in (1, 2, 4):
        loop = replace(pretrain_config.loop, shares=4, parallel=parallel, precision=precision)
        pretrain(replace(pretrain_config, loop=loop), tmp_path / str(parallel))

    assert losses(tmp_path / "1") == losses(tmp_path / "2") == losses(tmp_path / "4")
    weights = [checkpoints.load_weights(tmp_path / name) for name in ("1", "4")]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
