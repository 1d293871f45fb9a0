"""Checkpoint files of other projects, read without running anything that is in them."""

import argparse
import hashlib
import re
import struct
import sys
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError  # noqa: TID251 - the name of an error, nothing more
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from training.errors import BadCheckpoint

# Where the projects keep the weights inside of what they save: DMAE, MAE and NIM's pre-training;
# NIM's classifier; timm's training script, which may have their moving averages as well.
WRAPPERS = ("model", "classifier", "state_dict", "model_ema", "state_dict_ema")
# What data parallel training and torch.compile put before every name.
PREFIXES = ("module.", "_orig_mod.")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
NOT_CHECKPOINTS = {
    b"<": "a web page; the download failed",
    b"{": "a JSON text; the download failed",
    b"version https://git-lfs": "a pointer of Git LFS; fetch the file itself",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array",
    b"\x1f\x8b": "a gzip archive; unpack it first",
}
# Beyond it, whole numbers of Python are no floating-point numbers.
LARGEST = sys.float_info.max
# Whatever a broken or hostile file makes torch's restricted unpickler trip over.
BROKEN = (
    UnpicklingError,
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    OSError,
    ArithmeticError,
    struct.error,
    zipfile.BadZipFile,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignFile:
    """Contents of a checkpoint file.

    Attributes:
        tensors: By name, wrappers and prefixes taken off; on the CPU, as they are stored.
        args: What the file says of its training; empty where it says nothing.
        sha256: Of the file, in hex.
    """

    tensors: dict[str, Tensor]
    args: Mapping[str, Any]
    sha256: str

    def number(self, name: str) -> float | None:
        """A finite number of the file's args."""
        value = self.args.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return float(value) if abs(value) <= LARGEST else None

    def flag(self, name: str) -> bool | None:
        """A yes or no of the file's args."""
        value = self.args.get(name)
        return value if isinstance(value, bool) else None

    def text(self, name: str) -> str | None:
        """A text of the file's args."""
        value = self.args.get(name)
        return value if isinstance(value, str) and value else None

    def count(self, name: str) -> int | None:
        """A whole number of the file's args."""
        value = self.number(name)
        return int(value) if value is not None and value.is_integer() else None


def read_checkpoint(path: Path) -> ForeignFile:
    """The tensors of a torch.save or safetensors file, and what it says of them.

    Of pickled objects only tensors, plain containers and argparse.Namespace are built; any other
    is refused before it is.

    Raises:
        BadCheckpoint: The file is missing, cut short, no checkpoint, or holds other objects.
    """
    start = _start(path)
    # A safetensors file is the length of its header, in eight bytes, and the header, in JSON.
    payload = _load_safetensors(path) if start[8:9] == b"{" else _unpickle(path)
    state = _state(payload)
    tensors = {_bare(name): value for name, value in state.items()}
    if len(tensors) < len(state):
        raise BadCheckpoint(f"entries with and without {' or '.join(PREFIXES)} of the same name")
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return ForeignFile(tensors=tensors, args=_args(payload), sha256=sha256)


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as error:
        raise BadCheckpoint(f"cannot be read: {error.strerror}") from error
    if not start:
        raise BadCheckpoint("an empty file")
    for sign, what in NOT_CHECKPOINTS.items():
        if start.removeprefix(BYTE_ORDER_MARK).lstrip().startswith(sign):
            raise BadCheckpoint(what)
    return start


def _load_safetensors(path: Path) -> Mapping[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, ValueError, LookupError) as error:
        raise BadCheckpoint(
            f"a safetensors file that is cut short ({path.stat().st_size} bytes): {error}"
        ) from error


def _unpickle(path: Path) -> Any:
    try:
        with torch.serialization.safe_globals([argparse.Namespace]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is refused below, or read all the same
            # Restricted to tensors, containers and the one class above: nothing in the file runs.
            return torch.load(  # noqa: TID251 - other projects' files are pickles
                path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
            )
    except BROKEN as error:
        raise BadCheckpoint(_explain(path, str(error))) from error


def _explain(path: Path, message: str) -> str:
    found = re.search(r"GLOBAL ([\w.]+)", message)
    if found:
        return (
            f"a pickled {found[1]}; of objects only tensors and argparse.Namespace are "
            "read: save its state dict instead"
        )
    if "TorchScript" in message:
        return "a TorchScript archive; save the state dict of the model instead"
    return f"no torch.save file, or one that is cut short ({path.stat().st_size} bytes)"


def _state(payload: Any) -> Mapping[str, Tensor]:
    """The state dict inside of what was saved."""
    if not isinstance(payload, Mapping):
        raise BadCheckpoint(f"a {type(payload).__name__} instead of a state dict")
    inside = [name for name in WRAPPERS if isinstance(payload.get(name), Mapping)]
    if len(inside) > 1:
        raise BadCheckpoint(f"several state dicts: {', '.join(inside)}; keep one of them")
    state: Mapping[Any, Any] = payload[inside[0]] if inside else payload
    others = [
        f"{name!s} ({type(value).__name__})"
        for name, value in state.items()
        if not (isinstance(name, str) and isinstance(value, Tensor))
    ]
    if others or not state:
        listed = ", ".join(others[:5]) or "nothing"
        raise BadCheckpoint(f"no state dict of tensors by name: it holds {listed}")
    return state


def _args(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    args = payload.get("args")
    if isinstance(args, argparse.Namespace):
        return vars(args)
    return args if isinstance(args, Mapping) else {}


def _bare(name: str) -> str:
    while name.startswith(PREFIXES):
        name = name.partition(".")[2]
    return name
