"""Cards as they were made, with what is live beside them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model_store.card import load_card

pytestmark = [pytest.mark.anyio, pytest.mark.redis]


async def test_a_model_shows_its_card_as_it_is_on_disk(service: Any, model_store: Path) -> None:
    body = (await service.http.get("/models/tiny.colours")).json()

    on_disk = json.loads((model_store / "tiny.colours" / "card.json").read_text())
    assert (body["id"], body["default"], body["card"]) == ("tiny.colours", True, on_disk)


async def test_the_list_holds_every_model(service: Any) -> None:
    one = (await service.http.get("/models/tiny.colours")).json()
    listed = (await service.http.get("/models")).json()

    assert listed == {"models": [one]}


async def test_live_numbers_are_those_of_the_workers(service: Any, worker: Any) -> None:
    worker.beat(speed=50.0)

    live = (await service.http.get("/models/tiny.colours")).json()["live"]

    assert live == {
        "workers_ready": 1,
        "workers_starting": 0,
        "draws_per_s": 50.0,
        "default_n": 100_000,
        # A pilot of at most 4,096 draws, and at most n.
        "default_expected_s": 2081.9,
        "problems": [],
    }


@pytest.mark.parametrize("model", ["none", "..%2Ftiny.colours", "x" * 500])
async def test_an_unknown_model_names_the_known_ones(service: Any, model: str) -> None:
    answer = await service.http.get(f"/models/{model}")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_model_that_is_not_there_is_a_problem_with_a_list(
    service: Any, problem: Callable[..., dict[str, Any]]
) -> None:
    body = problem(await service.http.get("/models/none"), 404, "model-not-found")

    assert body["errors"][0]["limit"] == {"supported": ["tiny.colours"]}


async def test_a_broken_card_hides_only_itself(
    serve: Callable[..., Any], tmp_path: Path, model_store: Path
) -> None:
    card = load_card(model_store / "tiny.colours" / "card.json")
    for name, text in {"broken": "{", card.id: None}.items():
        (tmp_path / name).mkdir()
        source = model_store / card.id / "card.json"
        (tmp_path / name / "card.json").write_text(text or source.read_text())
    service = await serve(model_store_dir=tmp_path, default_model=card.id)

    listed = (await service.http.get("/models")).json()

    assert [model["id"] for model in listed["models"]] == [card.id]
