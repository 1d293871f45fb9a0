"""Run checkpoints: tensors as safetensors, scalars as JSON, never half written.

A run directory holds `checkpoint-<step>.safetensors` and `checkpoint.json`, which names it. The
tensors are complete under their own name before the JSON is renamed into place, so at any moment
the JSON names a complete file.
"""

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from training.engine.disk import write_whole
from training.engine.tensor_files import save_tensors
from training.errors import BadCheckpoint

HEAD = "checkpoint.json"
_READ = {
    "step": int,
    "tensors": str,
    "seconds": int | float,
    "epochs": int | float,
    "classes": list,
}
"""What of it is read again."""
LONGEST = 300  # letters of what torch has to say
RESTORE = "restore it, or begin again in another directory"


def save(
    out: Path,
    *,
    step: int,
    model: nn.Module,
    optimizers: Iterable[torch.optim.Optimizer],
    scalars: Mapping[str, Any],
) -> None:
    """Writes the state after `step` steps and forgets the one before it.

    Raises:
        DiskFull: There is no room; the checkpoint before is intact.
    """
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    for index, optimizer in enumerate(optimizers):
        tensors.update(_optimizer_tensors(f"optimizer.{index}.", optimizer))
    plain = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    name = f"checkpoint-{step:07d}.safetensors"
    save_tensors(out / name, plain)
    head = {"step": step, "tensors": name, **scalars}
    write_whole(out / HEAD, json.dumps(head, indent=1) + "\n")
    for stale in out.glob("checkpoint-*.safetensors*"):
        if stale.is_dir():  # of a save that was killed
            shutil.rmtree(stale)
        elif stale.name != name:
            stale.unlink()


def size_bytes(model: nn.Module, *, moments: int) -> int:
    """About what a checkpoint takes on the disk.

    Args:
        model: Its parameters and buffers.
        moments: Tensors that the optimiser keeps for each trainable parameter, at most.
    """
    trained = sum(_bytes(p) for p in model.parameters() if p.requires_grad)
    return sum(map(_bytes, model.state_dict().values())) + moments * trained


def read_head(out: Path) -> dict[str, Any] | None:
    """The scalars of a run's latest checkpoint; None where there is none yet.

    Raises:
        BadCheckpoint: They cannot be read.
    """
    if not (out / HEAD).exists():
        return None
    head = read_json(out / HEAD)
    wrong = [name for name, kind in _READ.items() if not isinstance(head.get(name), kind)]
    if wrong:
        raise BadCheckpoint(
            f"{out / HEAD} was damaged, {', '.join(wrong)} missing or of another kind: {RESTORE}"
        )
    return head


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file of a run directory.

    Raises:
        BadCheckpoint: It is none, whatever became of it; runs write their files whole.
    """
    try:
        value = json.loads(path.read_text())
    except ValueError as error:
        raise BadCheckpoint(f"{path} was damaged, it is not JSON ({error}): {RESTORE}") from error
    if not isinstance(value, dict):
        raise BadCheckpoint(f"{path} was damaged, it is no JSON object: {RESTORE}")
    return cast(dict[str, Any], value)


def restore(
    out: Path, *, model: nn.Module, optimizers: Iterable[torch.optim.Optimizer]
) -> dict[str, Any] | None:
    """Puts a run's latest checkpoint into model and optimisers; its scalars, or None.

    Raises:
        BadCheckpoint: The checkpoint is half there or does not fit.
    """
    head = read_head(out)
    if head is None:
        return None
    tensors = _tensors(out, head)
    _load_model(out, model, _under("model.", tensors))
    for index, optimizer in enumerate(optimizers):
        _restore_optimizer(optimizer, _under(f"optimizer.{index}.", tensors))
    return head


def load_weights(out: Path) -> dict[str, Tensor]:
    """The model's tensors from a run's latest checkpoint.

    Raises:
        BadCheckpoint: There is none, or it cannot be read.
    """
    head = read_head(out)
    if head is None:
        raise BadCheckpoint(f"{out} holds no checkpoint: is it the directory of a run?")
    return _under("model.", _tensors(out, head))


def _tensors(out: Path, head: Mapping[str, Any]) -> dict[str, Tensor]:
    path = out / str(head["tensors"])
    if not path.is_file():
        raise BadCheckpoint(f"{path} is missing, though {out / HEAD} names it: {RESTORE}")
    try:
        with path.open("rb"):  # safetensors says of whatever it cannot open that it is missing
            return load_file(path)
    except OSError as error:
        raise BadCheckpoint(
            f"{path} cannot be read: {error.strerror}; let this user read it, or {RESTORE}"
        ) from error
    except SafetensorError as error:
        raise BadCheckpoint(
            f"{path} was damaged, or is cut short ({path.stat().st_size:,} bytes): {error}; "
            f"{RESTORE}"
        ) from error


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def _load_model(out: Path, model: nn.Module, tensors: dict[str, Tensor]) -> None:
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:LONGEST]
        raise BadCheckpoint(
            f"the checkpoint in {out} does not fit the model that its configuration asks for: "
            f"{reason}; {RESTORE}"
        ) from error


def _optimizer_tensors(prefix: str, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    state: Mapping[int, Mapping[str, Any]] = optimizer.state_dict()["state"]
    return {
        f"{prefix}{index}.{name}": torch.as_tensor(value)
        for index, entries in state.items()
        for name, value in entries.items()
    }


def _restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
