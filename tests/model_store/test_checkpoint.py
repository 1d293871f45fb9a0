"""Weights files: whole, the right ones, and never a pickle."""

import hashlib
from io import BytesIO
from pathlib import Path

import pytest
import torch

from model_store import checkpoint
from model_store.errors import CheckpointInvalid, DigestMismatch


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "weight": torch.randn(3, 4, generator=generator),
        "bias": torch.randn(3, generator=generator),
        "steps": torch.tensor([7]),
    }


def test_tensors_come_back_exactly(tmp_path: Path, tensors: dict[str, torch.Tensor]) -> None:
    digest = checkpoint.save(tmp_path / "w.safetensors", tensors)

    loaded = checkpoint.load(tmp_path / "w.safetensors", digest)

    assert loaded.keys() == tensors.keys()
    assert all(torch.equal(loaded[name], tensors[name]) for name in tensors)


def test_the_digest_is_of_the_file_and_the_same_every_time(
    tmp_path: Path, tensors: dict[str, torch.Tensor]
) -> None:
    first = checkpoint.save(tmp_path / "a.safetensors", tensors)
    second = checkpoint.save(tmp_path / "b.safetensors", dict(reversed(tensors.items())))

    assert first == second
    assert first == hashlib.sha256((tmp_path / "a.safetensors").read_bytes()).hexdigest()


def test_half_precision_rounds_floats_and_leaves_integers(
    tmp_path: Path, tensors: dict[str, torch.Tensor]
) -> None:
    digest = checkpoint.save(tmp_path / "w.safetensors", tensors, stored_as="float16")

    loaded = checkpoint.load(tmp_path / "w.safetensors", digest)

    assert torch.equal(loaded["weight"], tensors["weight"].half())
    assert torch.equal(loaded["steps"], tensors["steps"])


@pytest.mark.parametrize("value", [1e6, float("nan"), float("inf")])
def test_numbers_that_half_precision_cannot_hold_are_refused(tmp_path: Path, value: float) -> None:
    with pytest.raises(CheckpointInvalid, match=r"weight has numbers that are not finite"):
        checkpoint.save(
            tmp_path / "w.safetensors", {"weight": torch.tensor([value])}, stored_as="float16"
        )

    assert not list(tmp_path.iterdir())


def test_tensors_that_share_memory_are_saved(tmp_path: Path) -> None:
    shared = torch.arange(12.0).reshape(3, 4)

    digest = checkpoint.save(tmp_path / "w.safetensors", {"a": shared, "b": shared.T})

    assert torch.equal(checkpoint.load(tmp_path / "w.safetensors", digest)["b"], shared.T)


def test_saving_replaces_and_leaves_nothing_beside(
    tmp_path: Path, tensors: dict[str, torch.Tensor]
) -> None:
    path = tmp_path / "w.safetensors"
    checkpoint.save(path, tensors)
    digest = checkpoint.save(path, {"other": torch.zeros(1)})

    assert [each.name for each in tmp_path.iterdir()] == ["w.safetensors"]
    assert checkpoint.load(path, digest).keys() == {"other"}


def test_another_file_than_the_card_names_is_refused(
    tmp_path: Path, tensors: dict[str, torch.Tensor]
) -> None:
    path = tmp_path / "w.safetensors"
    digest = checkpoint.save(path, tensors)

    with pytest.raises(DigestMismatch, match="its card says " + "0" * 64) as caught:
        checkpoint.load(path, "0" * 64)

    assert caught.value.actual == digest


def test_one_flipped_bit_is_noticed(tmp_path: Path, tensors: dict[str, torch.Tensor]) -> None:
    path = tmp_path / "w.safetensors"
    digest = checkpoint.save(path, tensors)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)

    with pytest.raises(DigestMismatch):
        checkpoint.load(path, digest)


@pytest.mark.parametrize("archive", [True, False])
def test_a_pickle_under_another_name_is_never_opened(tmp_path: Path, archive: bool) -> None:
    buffer = BytesIO()
    torch.save({"a": torch.zeros(1)}, buffer, _use_new_zipfile_serialization=archive)
    path = tmp_path / "w.safetensors"
    path.write_bytes(buffer.getvalue())

    with pytest.raises(CheckpointInvalid, match="is a pickle"):
        checkpoint.load(path, hashlib.sha256(buffer.getvalue()).hexdigest())


@pytest.mark.parametrize("length", [0x280, 0x380, 0x480, 0x580])
def test_a_header_whose_length_reads_like_a_pickle_is_none(tmp_path: Path, length: int) -> None:
    path = tmp_path / "w.safetensors"
    tensors = {"a" * (length - 60): torch.zeros(1)}
    digest = checkpoint.save(path, tensors)

    loaded = checkpoint.load(path, digest)

    assert int.from_bytes(path.read_bytes()[:8], "little") == length
    assert loaded.keys() == tensors.keys()


@pytest.mark.parametrize("keep", [0, 4, 8, 60, -1])
def test_a_file_cut_short_is_named(
    tmp_path: Path, tensors: dict[str, torch.Tensor], keep: int
) -> None:
    path = tmp_path / "w.safetensors"
    checkpoint.save(path, tensors)
    data = path.read_bytes()[:keep]
    path.write_bytes(data)

    with pytest.raises(CheckpointInvalid, match=r"w\.safetensors is cut short"):
        checkpoint.load(path, hashlib.sha256(data).hexdigest())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointInvalid, match=r"w\.safetensors cannot be read"):
        checkpoint.load(tmp_path / "w.safetensors", "0" * 64)
