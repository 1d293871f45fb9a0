"""An imported classifier goes into a store, with what a card has to say."""

from pathlib import Path
from typing import Any

import pytest

from model_store.card import load_card
from tests.training.foreign import CLASSIFIER, Weights, take, written
from training.config import ExportConfig, ImportConfig
from training.errors import BadConfig
from training.exchange.cards import store_run
from training.import_weights import import_weights


def test_a_classifier_goes_into_a_store_with_what_was_stated(
    published_weights: Weights, tmp_path: Path
):
    names = "".join(f"bird {number}\n" for number in range(10))
    (tmp_path / "names.txt").write_text(names, encoding="utf-8-sig")
    file = written(tmp_path / "a.pth", published_weights("avg"))
    stated = CLASSIFIER | {"labels": str(tmp_path / "names.txt"), "size": 8}

    imported = import_weights(
        ImportConfig(
            file=file,
            out=tmp_path / "run",
            id="birds.a",
            store=tmp_path / "store",
            licence="MIT",
            measure_s=0.0,
            **stated,
        )
    )

    assert imported.model == tmp_path / "store" / "birds.a"
    card = load_card(imported.model / "card.json")
    assert (card.labels[9], card.sigmas, card.licence) == ("bird 9", (0.5,), "MIT")
    assert (card.preprocessing.size, card.architecture.image_size) == (8, 16)
    assert card.weights.stored_as == "float32"
    assert "labels 10 (bird 0, bird 1, ..., bird 9): as stated" in imported.facts
    assert "imported from a.pth" in card.description
    assert "DMAE" not in card.description
    (command,) = card.provenance.commands
    assert command == (
        "python -m training import --out runs/run a.pth --sigma 0.5 --normalisation cifar10 "
        "--labels names.txt --size 8 --num-heads 3"
    )


@pytest.mark.parametrize("config", [ImportConfig, ExportConfig])
def test_a_name_that_no_model_can_have_is_refused_at_once(config: Any):
    with pytest.raises(BadConfig, match="--id must match"):
        config(**{"file" if config is ImportConfig else "run": Path("a"), "id": "../a"})


def test_a_licence_that_nobody_stated_is_not_made_up(published_weights: Weights, tmp_path: Path):
    file = written(tmp_path / "a.pth", published_weights("avg"))

    card = store_run(take(file, tmp_path / "run", **CLASSIFIER), tmp_path / "store")

    assert card.licence == "not known: imported from a.pth"


def test_a_store_wants_noise(published_weights: Weights, tmp_path: Path):
    file = written(tmp_path / "a.pth", published_weights("avg"))

    with pytest.raises(BadConfig, match="--sigma must be above 0"):
        take(file, tmp_path / "run", **CLASSIFIER | {"sigma": 0.0, "id": "a.b", "licence": "MIT"})

    assert not (tmp_path / "run").exists()


def test_a_store_wants_the_licence():
    with pytest.raises(BadConfig, match="--licence"):
        ImportConfig(file=Path("a.pth"), id="birds.a")


def test_an_import_that_reaches_no_store_can_be_repeated(
    published_weights: Weights, tmp_path: Path
):
    file = written(tmp_path / "a.pth", published_weights("avg"))
    store = tmp_path / "store"
    store.write_text("not a directory")
    stated = CLASSIFIER | {"id": "birds.a", "licence": "MIT", "store": store, "measure_s": 0.0}

    with pytest.raises(OSError, match="store"):
        take(file, tmp_path / "run", **stated)
    store.unlink()

    take(file, tmp_path / "run", **stated)
    assert load_card(store / "birds.a" / "card.json").id == "birds.a"
