"""A run directory written from tensors: what an import leaves behind."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.config import RunConfig, as_json
from training.engine.checkpoints import HEAD
from training.engine.run_directory import CONFIG, ORIGIN
from training.engine.tensor_files import save_tensors
from training.errors import BadCheckpoint

TENSORS = "checkpoint-0000000.safetensors"


def check_vacant(out: Path) -> None:
    """Refuses a directory that holds something.

    Raises:
        BadCheckpoint: It does.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise BadCheckpoint(f"{out} is there already; choose another --out")


def write_run(
    out: Path,
    config: RunConfig,
    tensors: Mapping[str, Tensor],
    *,
    classes: Sequence[str],
    origin: Mapping[str, Any],
) -> None:
    """Writes a run of no steps with the given weights, whole or not at all.

    Args:
        out: Run directory; does not exist, or is empty.
        config: Recorded in config.json.
        tensors: Under the names of this project's networks.
        classes: Names of the classes, by index.
        origin: Where the weights are from; recorded in origin.json.

    Raises:
        BadCheckpoint: The directory cannot be written.
        DiskFull: There is no room.
    """
    check_vacant(out)
    head = {"step": 0, "tensors": TENSORS, "seconds": 0.0, "images": 0, "epochs": 0.0}
    weights = {f"model.{name}": _copied(value) for name, value in tensors.items()}
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as beside:
            run = Path(beside) / "run"
            run.mkdir()
            save_tensors(run / TENSORS, weights)
            _write_json(run / HEAD, {**head, "classes": list(classes)})
            _write_json(run / ORIGIN, origin)
            _write_json(run / CONFIG, as_json(config))
            run.replace(out)
    except OSError as error:
        raise BadCheckpoint(f"{out} cannot be written: {error}") from error


def _copied(value: Tensor) -> Tensor:
    """In one type: tensors of a file may share memory or be half precision. Counts are counts."""
    kind = torch.float32 if value.is_floating_point() else value.dtype
    return value.to(kind, copy=True).contiguous()


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n")
