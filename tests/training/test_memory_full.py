"""A device that has no memory for a step says so, and what needs less."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from training import pretrain as pretrain_module
from training.config import PretrainConfig
from training.errors import MemoryFull
from training.pretrain import pretrain


def test_a_device_without_memory_for_a_step_is_told_with_what_needs_less(
    pretrain_config: PretrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. See https://")

    monkeypatch.setattr(pretrain_module, "denoising_loss", full)
    loop = replace(pretrain_config.loop, batch_size=8, shares=2)

    with pytest.raises(
        MemoryFull,
        match=r"no memory for 4 images at a time: CUDA out of memory\. A .* --loop\.batch-size",
    ):
        pretrain(replace(pretrain_config, loop=loop), tmp_path)
