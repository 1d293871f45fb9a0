"""The card file: what it accepts, and what it says when it does not."""

import errno
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from model_store.card import Architecture, ModelCard, dump_card, load_card
from model_store.errors import CardInvalid


def test_a_card_comes_back_as_it_was_written(card: ModelCard, tmp_path: Path) -> None:
    dump_card(card, tmp_path / "card.json")

    assert load_card(tmp_path / "card.json") == card


def test_a_card_that_finds_no_room_leaves_the_one_before(
    card: ModelCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    dump_card(card, tmp_path / "card.json")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        dump_card(replace(card, licence="other"), tmp_path / "card.json")

    assert load_card(tmp_path / "card.json") == card
    assert [path.name for path in tmp_path.iterdir()] == ["card.json"]


def test_a_card_file_is_stable_and_readable(card: ModelCard, tmp_path: Path) -> None:
    dump_card(card, tmp_path / "one.json")
    dump_card(load_card(tmp_path / "one.json"), tmp_path / "two.json")

    text = (tmp_path / "one.json").read_text(encoding="utf-8")
    assert text == (tmp_path / "two.json").read_text(encoding="utf-8")
    assert text.startswith('{\n  "schema_version": 1,\n  "id": "tiny.test"')
    assert "für" in text
    assert text.endswith("}\n")


def test_the_number_of_classes_is_the_number_of_labels(card: ModelCard) -> None:
    assert card.num_classes == 3


def _edit(*path: str | int, value: Any) -> Callable[[dict[str, Any]], None]:
    def edit(content: dict[str, Any]) -> None:
        place: Any = content
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    return edit


BROKEN = {
    "unknown key": (_edit("architecture", "widht", value=3), "architecture.widht"),
    "patch size": (_edit("architecture", "patch_size", value=5), "architecture.patch_size"),
    "heads": (_edit("architecture", "num_heads", value=5), "architecture.num_heads"),
    "depth of nothing": (_edit("architecture", "depth", value=0), "architecture.depth"),
    "number as text": (_edit("architecture", "depth", value="2"), "architecture.depth"),
    "pooling": (_edit("architecture", "global_pool", value="max"), "architecture.global_pool"),
    "crop over image": (
        _edit("preprocessing", "resize_shorter", value=8),
        "preprocessing.resize_shorter",
    ),
    "std of zero": (_edit("preprocessing", "std", value=[0.2, 0.0, 0.2]), "preprocessing.std"),
    "mean of two": (_edit("preprocessing", "mean", value=[0.2, 0.1]), "preprocessing.mean.2"),
    "digest": (_edit("weights", "sha256", value="abc"), "weights.sha256"),
    "file in a folder": (_edit("weights", "file", value="../x.safetensors"), "weights.file"),
    "pickle by name": (_edit("weights", "file", value="x.pt"), "weights.file"),
    "int8 of floats": (_edit("weights", "precision", value="int8"), "weights.precision"),
    "floats of int8": (_edit("weights", "stored_as", value="int8"), "weights.precision"),
    "float64": (_edit("weights", "precision", value="float64"), "weights.precision"),
    "labels repeated": (_edit("labels", value=["a", "b", "a"]), "labels"),
    "label empty": (_edit("labels", value=["a", " "]), "labels"),
    "label too long for a certificate": (_edit("labels", value=["a", "b" * 1_001]), "labels"),
    "one label": (_edit("labels", value=["a"]), "labels"),
    "sigmas fall": (_edit("sigmas", value=[0.5, 0.25]), "sigmas"),
    "sigma of zero": (_edit("sigmas", value=[0.0]), "sigmas"),
    "no sigma": (_edit("sigmas", value=[]), "sigmas"),
    "schema of tomorrow": (_edit("schema_version", value=2), "schema_version"),
    "id with a path": (_edit("id", value="../up"), "id"),
    "speed": (_edit("draws_per_s", value=-1.0), "draws_per_s"),
    "accuracy": (
        _edit("evaluations", 0, "certified_accuracy", value=[[0.0, 1.5]]),
        "evaluations.0.certified_accuracy",
    ),
    "radii fall": (
        _edit("evaluations", 0, "certified_accuracy", value=[[0.5, 0.1], [0.0, 0.5]]),
        "evaluations.0.certified_accuracy",
    ),
    "abstention": (
        _edit("evaluations", 0, "abstention_rate", value=-0.1),
        "evaluations.0.abstention_rate",
    ),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_card_names_its_file_and_field(
    card: ModelCard, tmp_path: Path, broken: str
) -> None:
    path = tmp_path / "card.json"
    dump_card(card, path)
    content = json.loads(path.read_text(encoding="utf-8"))
    edit, field = BROKEN[broken]
    edit(content)
    path.write_text(json.dumps(content), encoding="utf-8")

    with pytest.raises(CardInvalid) as caught:
        load_card(path)

    assert caught.value.field == field
    assert caught.value.file == path
    assert f"{path}: {field}: " in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"id": NaN}'])
def test_a_file_that_is_no_card_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "card.json"
    path.write_bytes(content)

    with pytest.raises(CardInvalid, match=r"card\.json"):
        load_card(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CardInvalid, match=r"card\.json: cannot be read"):
        load_card(tmp_path / "card.json")


def test_a_card_made_in_code_is_checked_too(card: ModelCard) -> None:
    with pytest.raises(CardInvalid, match="patch_size: must divide image_size 16, got 3"):
        Architecture(image_size=16, patch_size=3, embed_dim=12, depth=1, num_heads=3)
    with pytest.raises(CardInvalid, match="sigmas"):
        replace(card, sigmas=(float("nan"),))
