"""Runs written as files that DMAE's, MAE's and timm's own code reads."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model_store import checkpoint
from training.engine import checkpoints
from training.engine.disk import room_for, written_whole
from training.engine.run_directory import read_settings
from training.errors import BadConfig
from training.exchange.cards import PREFIX, classifier_tensors
from training.exchange.layouts import Layout, recognise
from training.exchange.origins import objective_of

SUFFIXES = (".pth", ".pt", ".safetensors")


def write_official(run: Path, path: Path) -> Layout:
    """A run as DMAE and MAE save it: {"model": state dict}, and "args" as a plain mapping.

    A linear probe keeps its batch norm, and a pre-training its decoder. The args say what the
    state dict cannot, by the official names where there are such.

    Raises:
        BadCheckpoint: The run has no checkpoint.
        BadConfig: The file would not be a torch.save file.
        DiskFull: There is no room.
    """
    if path.suffix == ".safetensors":
        raise BadConfig(f"the official format is a torch.save file (.pth), got {path}")
    tensors = {
        name.removeprefix(PREFIX): value for name, value in checkpoints.load_weights(run).items()
    }
    layout = recognise(tensors)
    _save(path, {"model": tensors, "args": _args(run)}, tensors)
    return layout


def write_timm(run: Path, path: Path) -> Layout:
    """A run as a state dict of timm's VisionTransformer: a classifier, or a pre-training's encoder.

    A linear probe is folded into a plain head. Normalisation is left to the caller of timm.

    Raises:
        BadCheckpoint: The run has no checkpoint.
        BadConfig: The file's suffix is neither a torch.save file's nor safetensors'.
        DiskFull: There is no room.
    """
    if path.suffix not in SUFFIXES:
        raise BadConfig(f"a state dict is written as {', '.join(SUFFIXES)}, got {path}")
    if read_settings(run)["command"] == "pretrain":
        tensors = _encoder(checkpoints.load_weights(run))
    else:
        tensors = classifier_tensors(run)
    layout = recognise(tensors)
    if path.suffix == ".safetensors":
        path.parent.mkdir(parents=True, exist_ok=True)
        with room_for(path, needed=sum(tensor.nbytes for tensor in tensors.values())):
            checkpoint.save(path, tensors)
    else:
        _save(path, tensors, tensors)
    return layout


def _encoder(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: value
        for name, value in tensors.items()
        if name != "mask_token" and not name.startswith("decoder_")
    }


def _args(run: Path) -> dict[str, Any]:
    settings, head = read_settings(run), checkpoints.read_head(run) or {}
    said = {
        "num_heads": settings["architecture"]["num_heads"],
        "mean": settings["data"]["mean"],
        "std": settings["data"]["std"],
    }
    if settings["command"] == "pretrain":
        return said | _pretraining_args(run, settings)
    return {
        **said,
        "sigma": settings["sigma"],
        "nb_classes": len(head["classes"]),
        "labels": head["classes"],
        "global_pool": settings["architecture"]["global_pool"] == "avg",
        "size": settings["data"].get("size") or settings["architecture"]["image_size"],
    }


def _pretraining_args(run: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    corruption = settings["corruption"]
    return {
        "objective": objective_of(run),
        "sigma": corruption["sigma"],
        "mask_ratio": corruption["mask_ratio"],
        "norm_pix_loss": corruption["norm_pix"],
        "decoder_num_heads": settings["decoder"]["num_heads"],
    }


def _save(path: Path, payload: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    needed = sum(tensor.nbytes for tensor in tensors.values())
    # Through a file of ours: torch's own does not say of a full disk that it is one.
    with written_whole(path, needed=needed) as partial, partial.open("wb") as file:
        torch.save(payload, file)
