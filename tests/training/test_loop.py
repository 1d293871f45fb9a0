"""Runs: exact resume, refusals, records."""

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn

from training import finetune as finetune_module
from training import pretrain as pretrain_module
from training.config import CorruptionConfig, FinetuneConfig, LoopConfig, PretrainConfig
from training.engine import checkpoints, disk
from training.engine.shares import Batch
from training.errors import BadCheckpoint, BadConfig, ConfigDiffers, DiskFull, NotFinite
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


class Overflow(torch.autograd.Function):
    """A finite value whose gradient is not."""

    @staticmethod
    def forward(_: Any, value: Tensor) -> Tensor:
        return value.clone()

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        return gradient * float("inf")


def spoil_step(step: int, spoil: Callable[[Tensor], Tensor], patch: pytest.MonkeyPatch) -> None:
    """Spoils the loss of one step; the smoke recipe computes one loss a step."""
    calls, loss = count(), pretrain_module.denoising_loss

    def spoilt(network: nn.Module, batch: Batch, corruption: CorruptionConfig) -> Tensor:
        value = loss(network, batch, corruption)
        return spoil(value) if next(calls) == step else value

    patch.setattr(pretrain_module, "denoising_loss", spoilt)


@pytest.mark.parametrize("log_every", [1, 100])
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda loss: loss * float("nan"), "the loss is nan"),
        (lambda loss: loss + float("inf"), "the loss is inf"),
        (Overflow.apply, r"the loss is [\d.]+ and the gradient's norm (nan|inf)"),
    ],
)
def test_a_step_that_is_not_finite_stops_the_run_by_its_number(
    spoil: Callable[[Tensor], Tensor],
    words: str,
    log_every: int,
    pretrain_config: PretrainConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    spoil_step(4, spoil, monkeypatch)
    loop = replace(pretrain_config.loop, log_every=log_every)

    with pytest.raises(NotFinite, match=f"at step 4 {words}"):
        pretrain(replace(pretrain_config, loop=loop), tmp_path)

    head = checkpoints.read_head(tmp_path)
    assert head is not None
    assert head["step"] == 3
    assert all(value.isfinite().all() for value in checkpoints.load_weights(tmp_path).values())


def test_the_batch_of_a_step_that_is_not_finite_is_saved_as_the_step_saw_it(
    pretrain_config: PretrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    seen: list[Batch] = []
    loss = pretrain_module.denoising_loss

    def watched(network: nn.Module, batch: Batch, corruption: CorruptionConfig) -> Tensor:
        seen.append(batch)
        return loss(network, batch, corruption) * (float("nan") if len(seen) > 8 else 1)

    monkeypatch.setattr(pretrain_module, "denoising_loss", watched)
    loop = replace(pretrain_config.loop, shares=2, parallel=1, seed=7)
    with pytest.raises(NotFinite, match="not-finite-0000004"):
        pretrain(replace(pretrain_config, loop=loop), tmp_path)

    with safe_open(tmp_path / "not-finite-0000004.safetensors", "pt") as saved:
        pixels, labels = saved.get_tensor("pixels"), saved.get_tensor("labels")
        metadata = saved.metadata()

    assert torch.equal(pixels, torch.cat([batch.pixels for batch in seen[8:10]]))
    assert torch.equal(labels, torch.cat([batch.labels for batch in seen[8:10]]))
    assert (metadata["step"], metadata["seed"]) == ("4", "7")
    assert metadata["streams"] == "step/0, step/1"


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


def test_a_run_does_not_go_on_with_other_images(pretrain_config: PretrainConfig, tmp_path: Path):
    folder = shutil.copytree(pretrain_config.data.path, tmp_path / "images")
    config = replace(pretrain_config, data=replace(pretrain_config.data, path=folder))
    pretrain(config, tmp_path / "run")
    next(folder.rglob("*.png")).unlink()

    with pytest.raises(ConfigDiffers, match=r"trained on 24 images of 3 classes, .* now has 23"):
        pretrain(config, tmp_path / "run")


def test_continued_pretraining_starts_from_the_weights_of_the_other_run(
    pretrain_config: PretrainConfig, tmp_path: Path
):
    pretrain(pretrain_config, tmp_path / "first")

    model = pretrain_module.starting_autoencoder(replace(pretrain_config, init=tmp_path / "first"))

    saved = checkpoints.load_weights(tmp_path / "first")
    assert model.state_dict().keys() == saved.keys()
    assert all(torch.equal(value, saved[name]) for name, value in model.state_dict().items())


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
