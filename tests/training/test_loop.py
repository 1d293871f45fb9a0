"""Runs: exact resume, refusals, records."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from training import finetune as finetune_module
from training import pretrain as pretrain_module
from training.config import CorruptionConfig, FinetuneConfig, PretrainConfig
from training.errors import ConfigDiffers, NotFinite
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


@pytest.mark.parametrize("killed_at", [0, 2, 3, 5])
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
        ConfigDiffers, match=r"corruption\.sigma, loop\.batch_size differ"
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

    with pytest.raises(ConfigDiffers, match="command"):
        finetune(finetune_config, tmp_path)


def test_an_infinite_loss_stops_the_run(
    pretrain_config: PretrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def infinite(network: nn.Module, *_: object, **__: object) -> Tensor:
        return torch.tensor(float("inf")) * sum(p.sum() for p in network.parameters())

    monkeypatch.setattr(pretrain_module, "denoising_loss", infinite)

    with pytest.raises(NotFinite, match="at step 0 the loss is inf"):
        pretrain(pretrain_config, tmp_path)


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


def test_shares_of_a_batch_are_drawn_alike_on_every_run(
    pretrain_config: PretrainConfig, tmp_path: Path
):
    loop = replace(pretrain_config.loop, shares=2)
    for name in ("first", "second"):
        pretrain(replace(pretrain_config, loop=loop), tmp_path / name)

    assert losses(tmp_path / "first") == losses(tmp_path / "second")
