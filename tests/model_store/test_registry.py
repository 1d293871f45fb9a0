"""The directory of models."""

from dataclasses import replace
from pathlib import Path

import pytest

from model_store.card import ModelCard, dump_card
from model_store.errors import CardInvalid, ModelNotFound
from model_store.registry import BUNDLED, Registry


@pytest.fixture
def store(card: ModelCard, tmp_path: Path) -> Path:
    """Two models, out of order, and things that are none."""
    for name in ("b.second", "a.first"):
        (tmp_path / name).mkdir()
        dump_card(replace(card, id=name), tmp_path / name / "card.json")
    (tmp_path / "empty").mkdir()
    (tmp_path / "Not An Id").mkdir()
    dump_card(card, tmp_path / "Not An Id" / "card.json")
    (tmp_path / "notes.txt").write_text("x")
    return tmp_path


def test_models_are_listed_in_order(store: Path) -> None:
    assert Registry(store).ids() == ("a.first", "b.second")


def test_a_store_that_is_not_there_is_empty(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "none")

    assert registry.ids() == ()
    with pytest.raises(ModelNotFound, match="no default model in the store; it has: none"):
        registry.default()


def test_a_model_is_found_with_its_directory(store: Path) -> None:
    registry = Registry(store)

    assert registry.get("b.second").id == "b.second"
    assert registry.path("b.second") == store / "b.second"


def test_the_first_model_is_the_default_unless_one_is_named(store: Path) -> None:
    assert Registry(store).default().id == "a.first"
    assert Registry(store, default_id="b.second").default().id == "b.second"


@pytest.mark.parametrize(
    "model",
    ["missing", "", ".", "..", "../a.first", "a.first/../b.second", "/etc", "empty", "a.first\0",
     "A.first", "a.first/", "a..first", "Not An Id", "a.first\n", "x" * 5000, "c:\\x"],
)  # fmt: skip
def test_an_unknown_id_tells_the_known_ones(store: Path, model: str) -> None:
    with pytest.raises(ModelNotFound) as caught:
        Registry(store).get(model)

    assert caught.value.known == ("a.first", "b.second")
    assert "a.first, b.second" in str(caught.value)
    assert len(str(caught.value)) < 200
    with pytest.raises(ModelNotFound):
        Registry(store).path(model)


def test_a_card_of_another_model_is_refused(card: ModelCard, store: Path) -> None:
    dump_card(replace(card, id="other"), store / "a.first" / "card.json")

    with pytest.raises(CardInvalid, match=r"a\.first.card\.json: id: must be the name of its"):
        Registry(store).get("a.first")


def test_a_changed_card_is_read_again(card: ModelCard, store: Path) -> None:
    registry = Registry(store)
    before = registry.get("a.first")

    dump_card(replace(card, id="a.first", description="a new one"), store / "a.first/card.json")

    assert before.description != "a new one"
    assert registry.get("a.first").description == "a new one"


def test_a_broken_card_is_named_and_does_not_hide_the_others(store: Path) -> None:
    (store / "a.first" / "card.json").write_text("{}")
    registry = Registry(store)

    with pytest.raises(CardInvalid, match=r"a\.first.card\.json"):
        registry.get("a.first")
    assert registry.get("b.second").id == "b.second"


def test_every_bundled_card_can_be_read() -> None:
    registry = Registry(BUNDLED)

    assert [registry.get(model).id for model in registry.ids()] == list(registry.ids())
