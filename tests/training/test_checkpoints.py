"""Checkpoints are whole or not there."""

from pathlib import Path

import pytest
import torch
from torch import nn

from training.engine import checkpoints
from training.errors import BadCheckpoint
from training.streams import stream


def trained(steps: int) -> tuple[nn.Module, torch.optim.Optimizer]:
    model = nn.Linear(3, 2)
    nn.init.normal_(model.weight, generator=stream(0, "weights"))
    nn.init.zeros_(model.bias)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    for step in range(steps):
        optimizer.zero_grad()
        model(torch.randn(4, 3, generator=stream(step, "input"))).square().mean().backward()
        optimizer.step()
    return model, optimizer


def write(out: Path, steps: int) -> nn.Module:
    model, optimizer = trained(steps)
    checkpoints.save(out, step=steps, model=model, optimizers=[optimizer], scalars={"seconds": 1.5})
    return model


def test_what_was_saved_is_restored(tmp_path: Path):
    saved = write(tmp_path, 3)
    model, optimizer = trained(0)

    head = checkpoints.restore(tmp_path, model=model, optimizers=[optimizer])

    assert head is not None
    assert (head["step"], head["seconds"]) == (3, 1.5)
    assert torch.equal(model.weight, saved.weight)
    state = optimizer.state_dict()["state"]
    expected = trained(3)[1].state_dict()["state"]
    assert torch.equal(state[0]["exp_avg_sq"], expected[0]["exp_avg_sq"])
    assert state[0]["step"] == expected[0]["step"]


def test_an_empty_directory_has_nothing_to_restore(tmp_path: Path):
    model, optimizer = trained(0)

    assert checkpoints.restore(tmp_path, model=model, optimizers=[optimizer]) is None


def test_only_the_latest_checkpoint_is_kept(tmp_path: Path):
    write(tmp_path, 1)
    write(tmp_path, 2)

    names = sorted(path.name for path in tmp_path.iterdir())

    assert names == ["checkpoint-0000002.safetensors", "checkpoint.json"]


def test_a_half_written_checkpoint_does_not_hide_the_one_before(tmp_path: Path):
    saved = write(tmp_path, 1)
    (tmp_path / "checkpoint-0000002.safetensors").write_bytes(b"half")
    (tmp_path / "checkpoint.json.partial").write_text('{"step": 2')

    weights = checkpoints.load_weights(tmp_path)

    assert torch.equal(weights["weight"], saved.weight)


def test_a_directory_without_a_checkpoint_is_named(tmp_path: Path):
    with pytest.raises(BadCheckpoint, match="holds no checkpoint"):
        checkpoints.load_weights(tmp_path)


def test_a_missing_tensor_file_is_named(tmp_path: Path):
    write(tmp_path, 1)
    (tmp_path / "checkpoint-0000001.safetensors").unlink()

    with pytest.raises(BadCheckpoint, match=r"0000001\.safetensors is missing"):
        checkpoints.load_weights(tmp_path)


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path):
    write(tmp_path, 1)

    with pytest.raises(BadCheckpoint, match="does not fit"):
        checkpoints.restore(tmp_path, model=nn.Linear(5, 2), optimizers=[])
