"""A step that is not finite stops the run, and is saved as it was."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn

from training import pretrain as pretrain_module
from training.config import CorruptionConfig, DataConfig, PretrainConfig
from training.data import ImageSet, batches
from training.engine import checkpoints
from training.engine.shares import Batch
from training.errors import BadConfig, NotFinite
from training.pretrain import pretrain


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


def test_the_batch_is_saved_where_the_device_has_no_room_for_the_images_again(
    pretrain_config: PretrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    kept: list[Tensor] = []

    def small_device(images: ImageSet, data: DataConfig, _: torch.device) -> Tensor | None:
        if data.on_device == "never":
            return None
        if kept:
            raise BadConfig("no room")
        kept.append(torch.tensor(images.images))
        return kept[0]

    monkeypatch.setattr(batches, "resident", small_device)
    spoil_step(4, lambda loss: loss * float("nan"), monkeypatch)
    data = replace(pretrain_config.data, on_device="always")

    with pytest.raises(NotFinite, match="at step 4"):
        pretrain(replace(pretrain_config, data=data), tmp_path)

    assert (tmp_path / "not-finite-0000004.safetensors").is_file()
