"""Checkpoints are whole or not there."""

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch
from safetensors import SafetensorError
from torch import nn

from training.config import OptimConfig
from training.engine import checkpoints, disk, tensor_files
from training.engine.optim import MOMENTS, build_optimizers, parameter_groups
from training.engine.start import require_checkpoint_room
from training.errors import BadCheckpoint, DiskFull
from training.streams import stream

TENSORS = "checkpoint-0000001.safetensors"
SCALARS = {"seconds": 1.5, "epochs": 1, "classes": []}


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
    checkpoints.save(out, step=steps, model=model, optimizers=[optimizer], scalars=SCALARS)
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


def test_what_a_kill_left_of_a_checkpoint_is_removed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def killed(_: Any, path: Path, __: Any) -> NoReturn:
        (path.parent / ".tmpjhnR7j").write_bytes(b"half")  # safetensors' own, beside its target
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tensor_files, "save_file", killed)
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)  # a kill cleans nothing up
        with pytest.raises(KeyboardInterrupt):
            write(tmp_path, 1)
    write(tmp_path, 2)

    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["checkpoint-0000002.safetensors", "checkpoint.json"]


def test_who_may_read_a_run_may_read_its_checkpoint(tmp_path: Path):
    write(tmp_path, 1)

    assert len({path.stat().st_mode for path in tmp_path.iterdir()}) == 1


def test_a_checkpoint_that_this_user_may_not_read_is_not_called_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write(tmp_path, 1)

    def denied(self: Path, *_: Any, **__: Any) -> NoReturn:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    monkeypatch.setattr(Path, "open", denied)
    monkeypatch.setattr(checkpoints, "read_head", lambda _: {"tensors": TENSORS})
    with pytest.raises(BadCheckpoint, match=r"0000001\.safetensors cannot be read: Permission"):
        checkpoints.load_weights(tmp_path)


def test_a_directory_without_a_checkpoint_is_named(tmp_path: Path):
    with pytest.raises(BadCheckpoint, match="holds no checkpoint"):
        checkpoints.load_weights(tmp_path)


@pytest.mark.parametrize("text", ["", '{"step": 1', "[]"])
def test_a_damaged_head_is_named(text: str, tmp_path: Path):
    (tmp_path / "checkpoint.json").write_text(text)

    with pytest.raises(BadCheckpoint, match=r"checkpoint\.json was damaged"):
        checkpoints.read_head(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"), [("step", "2"), ("seconds", None), ("classes", "cat, dog"), ("tensors", 1)]
)
def test_a_head_that_was_edited_is_named_with_what_is_wrong(
    name: str, value: object, tmp_path: Path
):
    write(tmp_path, 1)
    head = tmp_path / "checkpoint.json"
    head.write_text(json.dumps(json.loads(head.read_text()) | {name: value}))

    with pytest.raises(BadCheckpoint, match=rf"checkpoint\.json was damaged, {name} missing or"):
        checkpoints.load_weights(tmp_path)


def test_a_missing_tensor_file_is_named(tmp_path: Path):
    write(tmp_path, 1)
    (tmp_path / "checkpoint-0000001.safetensors").unlink()

    with pytest.raises(BadCheckpoint, match=r"0000001\.safetensors is missing"):
        checkpoints.load_weights(tmp_path)


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path):
    write(tmp_path, 1)

    with pytest.raises(BadCheckpoint, match=r"\A.* does not fit .* another directory\Z") as caught:
        checkpoints.restore(tmp_path, model=nn.Linear(5, 2), optimizers=[])
    assert str(tmp_path) in str(caught.value)


def test_a_damaged_tensor_file_is_named(tmp_path: Path):
    write(tmp_path, 1)
    (tmp_path / "checkpoint-0000001.safetensors").write_bytes(b"damaged")

    with pytest.raises(BadCheckpoint, match=r"0000001\.safetensors was damaged.*restore it, or"):
        checkpoints.load_weights(tmp_path)


def full_for_tensors(*_: Any) -> NoReturn:
    """What safetensors does on a full disk."""
    raise SafetensorError("Error while serializing: I/O error: No space left (os error 28)")


def full_half_way(_: Any, partial: Path, __: Any) -> NoReturn:
    """A disk that is full after some bytes."""
    partial.write_bytes(b"half")
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("full", [full_for_tensors, full_half_way])
def test_a_full_disk_is_named_and_leaves_the_last_checkpoint(
    full: Callable[..., NoReturn], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    saved = write(tmp_path, 1)
    before = sorted(path.name for path in tmp_path.iterdir())
    monkeypatch.setattr(tensor_files, "save_file", full)

    with pytest.raises(DiskFull, match=r"no room for .*0000002\.safetensors: it needs 104 bytes"):
        write(tmp_path, 2)

    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert torch.equal(checkpoints.load_weights(tmp_path)["weight"], saved.weight)


def test_a_disk_that_fills_up_under_the_scalars_leaves_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    saved = write(tmp_path, 1)

    def full(self: Path, *_: Any, **__: Any) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(DiskFull, match=r"checkpoint\.json"):
        write(tmp_path, 2)
    monkeypatch.undo()

    assert torch.equal(checkpoints.load_weights(tmp_path)["weight"], saved.weight)


def test_other_errors_of_the_disk_are_not_called_a_full_one(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        disk.write_whole(tmp_path / "missing" / "file", "text")


def test_a_file_that_the_system_does_not_let_grow_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def too_large(*_: Any) -> NoReturn:
        raise SafetensorError("Error while serializing: I/O error: File too large (os error 27)")

    saved = write(tmp_path, 1)
    monkeypatch.setattr(tensor_files, "save_file", too_large)

    with pytest.raises(OSError, match=r"0000002\.safetensors cannot be written: .*too large"):
        write(tmp_path, 2)

    assert torch.equal(checkpoints.load_weights(tmp_path)["weight"], saved.weight)


def test_the_content_is_on_the_disk_before_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    events: list[str] = []
    rename, sync = Path.replace, os.fsync
    monkeypatch.setattr(
        Path, "replace", lambda self, target: (events.append("rename"), rename(self, target))[1]
    )
    monkeypatch.setattr(os, "fsync", lambda file: (events.append("sync"), sync(file))[1])

    disk.write_whole(tmp_path / "file", "text")

    assert events == ["sync", "rename", "sync"]


@pytest.mark.parametrize("optimizer", ["adamw", "muon", "lars"])
def test_the_size_of_a_checkpoint_is_foretold(optimizer: str, tmp_path: Path):
    model = nn.ModuleDict({"blocks": nn.ModuleList([nn.Linear(200, 100), nn.LayerNorm(100)])})
    model["blocks"][1].bias.requires_grad_(requires_grad=False)
    groups = parameter_groups(model.named_parameters(), depth=1, weight_decay=0.0, layer_decay=1.0)
    optimizers = build_optimizers(groups, OptimConfig(optimizer=optimizer))
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    for each in optimizers:
        each.step()

    checkpoints.save(tmp_path, step=1, model=model, optimizers=optimizers, scalars=SCALARS)

    foretold = checkpoints.size_bytes(model, moments=MOMENTS[optimizer])
    actual = (tmp_path / "checkpoint-0000001.safetensors").stat().st_size
    assert actual - 2000 < foretold  # the header of names and shapes aside
    assert foretold < 2 * actual


def test_a_run_is_refused_before_it_starts_where_its_checkpoints_would_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # 6 weights and 2 biases, 3 times for AdamW, in 2 checkpoints at a time, and the records.
    needed = (6 + 2) * 4 * 3 * 2 + disk.RECORDS_BYTES
    monkeypatch.setattr(disk, "free_bytes", lambda _: needed - 1)

    with pytest.raises(DiskFull, match=f"needs {needed:,} bytes .* {needed - 1:,} are free"):
        require_checkpoint_room(tmp_path / "new", nn.Linear(3, 2), OptimConfig())

    monkeypatch.setattr(disk, "free_bytes", lambda _: needed)
    require_checkpoint_room(tmp_path / "new", nn.Linear(3, 2), OptimConfig())


def test_free_room_is_that_of_the_folder_that_exists(tmp_path: Path):
    assert disk.free_bytes(tmp_path / "not" / "yet") > 0
