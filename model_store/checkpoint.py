"""Weights on disk: safetensors only, and only the bytes the card names."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError
from safetensors import torch as safetensors
from torch import Tensor

from model_store.errors import CheckpointInvalid, DigestMismatch
from model_store.whole_file import replace_file

# torch.save writes a zip archive since 1.6 and a bare pickle (protocol 2 and up) before. The length
# of a header may have a safetensors file begin like the latter; its JSON follows after 8 bytes.
_PICKLES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def save(
    path: Path,
    tensors: Mapping[str, Tensor],
    *,
    stored_as: Literal["float16", "float32"] | None = None,
) -> str:
    """Writes tensors, replacing what is there at once.

    Args:
        path: The file to write; its directory exists.
        tensors: By name, on any device.
        stored_as: Type that floating-point tensors are cast to; as they are if None.

    Returns:
        SHA-256 of the file, in hex.

    Raises:
        CheckpointInvalid: A number is not finite, or overflows `stored_as`.
    """
    dtype = None if stored_as is None else getattr(torch, stored_as)
    data = safetensors.save({name: _stored(name, t, dtype) for name, t in tensors.items()})
    replace_file(path, data)
    return hashlib.sha256(data).hexdigest()


def load(path: Path, sha256: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file, on the CPU, in the type they are stored in.

    The file is read once: the bytes that are hashed are the bytes that are parsed.

    Args:
        path: The file.
        sha256: Digest it must have, in lower-case hex.

    Raises:
        CheckpointInvalid: Cannot be read, is a pickle, or is no whole safetensors file.
        DigestMismatch: Is another file.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointInvalid(f"{path} cannot be read: {error.strerror}") from error
    if data.startswith(_PICKLES) and data[8:9] != b"{":
        raise CheckpointInvalid(f"{path} is a pickle, which can run code; only safetensors is read")
    actual = hashlib.sha256(data).hexdigest()
    if actual != sha256:
        raise DigestMismatch(path, expected=sha256, actual=actual)
    try:
        return safetensors.load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise CheckpointInvalid(
            f"{path} is cut short or no safetensors file ({len(data)} bytes): {error}"
        ) from error


def _stored(name: str, tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    tensor = tensor.detach().cpu()
    if tensor.is_floating_point():
        tensor = tensor.to(dtype)
        if not tensor.isfinite().all():
            raise CheckpointInvalid(f"{name} has numbers that are not finite as {tensor.dtype}")
    # A copy, since safetensors refuses tensors that share memory.
    return tensor.clone(memory_format=torch.contiguous_format)
