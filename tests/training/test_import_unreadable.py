"""What is no checkpoint is named for what it is, and nothing in it is run."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from training.config import ImportConfig
from training.errors import BadCheckpoint
from training.import_weights import import_weights


class Callback:
    """An object whose unpickling would run a command."""

    def __reduce__(self) -> Any:
        return os.system, ("echo this must never run",)


def save_model(path: Path) -> None:
    torch.save({"model": nn.Linear(2, 2)}, path)


def save_script(path: Path) -> None:
    with pytest.warns(FutureWarning, match="deprecated"):
        torch.jit.script(nn.Linear(2, 2)).save(path)


def save_callback(path: Path) -> None:
    torch.save({"model": Callback()}, path)


def save_cut_short(path: Path) -> None:
    torch.save({"model": {"cls_token": torch.zeros(1, 1, 8)}}, path)
    path.write_bytes(path.read_bytes()[:-200])


def save_old_cut_short(path: Path) -> None:
    saved = {"model": {"cls_token": torch.zeros(1, 1, 8)}}
    torch.save(saved, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[:-20])


def save_safetensors_cut_short(path: Path) -> None:
    save_file({"cls_token": torch.zeros(1, 1, 8)}, path)
    path.write_bytes(path.read_bytes()[:-5])


UNREADABLE = {
    "missing": (lambda path: path.unlink(missing_ok=True), "No such file"),
    "empty": (lambda path: path.touch(), "an empty file"),
    "page": (lambda path: path.write_text("\n<!DOCTYPE html><html>"), "a web page"),
    "marked page": (lambda path: path.write_text("\ufeff<html>", encoding="utf-8"), "a web page"),
    "json": (lambda path: path.write_text('{"error": "not found"}'), "a JSON text"),
    "script": (save_script, "a TorchScript archive"),
    "pointer": (
        lambda path: path.write_text("version https://git-lfs.github.com/spec/v1"),
        "a pointer of Git LFS",
    ),
    "noise": (lambda path: path.write_bytes(bytes(range(256))), "no torch.save file"),
    "text": (lambda path: path.write_text("nothing of the kind"), "no torch.save file"),
    "model": (save_model, r"a pickled torch\.nn\.modules\.linear\.Linear"),
    "callback": (save_callback, r"a pickled posix\.system"),
    "cut": (save_cut_short, "cut short"),
    "old cut": (save_old_cut_short, "cut short"),
    "safetensors cut": (save_safetensors_cut_short, "a safetensors file that is cut short"),
    "list": (lambda path: torch.save([torch.zeros(1)], path), "a list instead of a state dict"),
    "scalars": (lambda path: torch.save({"epoch": 3}, path), r"it holds epoch \(int\)"),
    "nothing": (lambda path: torch.save({}, path), "it holds nothing"),
    "two": (
        lambda path: torch.save({"model": {}, "classifier": {}}, path),
        "several state dicts: model, classifier",
    ),
    "averages too": (
        lambda path: torch.save({"state_dict": {}, "state_dict_ema": {}}, path),
        "several state dicts: state_dict, state_dict_ema; keep one",
    ),
    "twins": (
        lambda path: torch.save({"a": torch.zeros(1), "module.a": torch.ones(1)}, path),
        "entries with and without module",
    ),
}


@pytest.mark.parametrize("fault", UNREADABLE)
def test_what_is_no_checkpoint_is_named(tmp_path: Path, fault: str, capfd: Any):
    save, message = UNREADABLE[fault]
    save(tmp_path / "a.pth")

    with pytest.raises(BadCheckpoint, match=message) as refusal:
        import_weights(ImportConfig(file=tmp_path / "a.pth", out=tmp_path / "run"))

    assert "Accepted: a DMAE, MAE or NIM pre-training" in str(refusal.value)
    assert "must never run" not in capfd.readouterr().out
    assert not (tmp_path / "run").exists()
