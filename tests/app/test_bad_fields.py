"""A value that is wrong is named, with what was sent and what would have been right."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from model_store.card import dump_card
from tests.app.acting import CARD, MODEL

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

Picture = Callable[..., bytes]
Problem = Callable[..., dict[str, Any]]


MODES = ["fixed", "adaptive", "decide", "anytime", "predict"]
FIELDS: dict[str, tuple[dict[str, str], str, object]] = {
    "sigma 0": ({"sigma": "0"}, "sigma", {"supported": [0.25, 0.5]}),
    "sigma negative": ({"sigma": "-0.25"}, "sigma", {"supported": [0.25, 0.5]}),
    "sigma nan": ({"sigma": "nan"}, "sigma", {"supported": [0.25, 0.5]}),
    "sigma inf": ({"sigma": "inf"}, "sigma", {"supported": [0.25, 0.5]}),
    "sigma text": ({"sigma": "much"}, "sigma", {"supported": [0.25, 0.5]}),
    "sigma empty": ({"sigma": ""}, "sigma", {"supported": [0.25, 0.5]}),
    "sigma unsupported": ({"sigma": "0.3"}, "sigma", {"supported": [0.25, 0.5]}),
    "n too large": ({"n": "1000001"}, "n", {"minimum": 10, "maximum": 1_000_000}),
    "n huge": ({"n": "9" * 40}, "n", {"minimum": 10, "maximum": 1_000_000}),
    "n 0": ({"n": "0"}, "n", {"minimum": 10, "maximum": 1_000_000}),
    "n 9": ({"n": "9"}, "n", {"minimum": 10, "maximum": 1_000_000}),
    "n text": ({"n": "many"}, "n", {"minimum": 10, "maximum": 1_000_000}),
    "n fraction": ({"n": "100.5"}, "n", {"minimum": 10, "maximum": 1_000_000}),
    "n0 0": ({"n0": "0"}, "n0", {"minimum": 1, "maximum": 1_000_000}),
    "n0 too large": ({"n0": "1000001"}, "n0", {"minimum": 1, "maximum": 1_000_000}),
    "alpha 2": ({"alpha": "2"}, "alpha", {"minimum": 1e-9, "maximum": 0.5}),
    "alpha 0": ({"alpha": "0"}, "alpha", {"minimum": 1e-9, "maximum": 0.5}),
    "alpha too small": ({"alpha": "1e-12"}, "alpha", {"minimum": 1e-9, "maximum": 0.5}),
    "model unknown": ({"model": "best"}, "model", {"supported": ["tiny.colours"]}),
    "model a path": ({"model": "../tiny"}, "model", {"supported": ["tiny.colours"]}),
    "mode unsupported": ({"mode": "adaptative"}, "mode", {"supported": MODES}),
    "numerics unsupported": (
        {"numerics": "exact"},
        "numerics",
        {"supported": ["sound", "fast"]},
    ),
}


@pytest.mark.parametrize("name", FIELDS)
async def test_a_value_out_of_range_is_named_with_its_limit(
    service: Any, picture: Picture, problem: Problem, name: str
) -> None:
    fields, field, limit = FIELDS[name]

    body = problem(await service.certify(picture(), **fields), 422, "invalid-parameter")

    (error,) = body["errors"]
    assert error["field"] == field
    assert str(error["value"]) == fields[field]
    assert error["detail"]
    assert error["limit"] == limit


async def test_an_n_that_could_only_abstain_says_which_would_do(
    service: Any, picture: Picture, problem: Problem
) -> None:
    answer = await service.certify(picture(), n=15, alpha=0.00001)

    (error,) = problem(answer, 422, "invalid-parameter")["errors"]
    assert "at least 17" in error["detail"]
    assert error["limit"] == {"minimum": 17, "maximum": 1_000_000}


async def test_a_sigma_of_another_model_names_that_model(
    serve: Callable[..., Any], tmp_path: Path, picture: Picture, problem: Problem
) -> None:
    other = replace(CARD, id="tiny.one", sigmas=(1.0,))
    for card in (CARD, other):
        (tmp_path / card.id).mkdir()
        dump_card(card, tmp_path / card.id / "card.json")
    (tmp_path / "tiny.torn").mkdir()
    (tmp_path / "tiny.torn" / "card.json").write_text("{")
    service = await serve(model_store_dir=tmp_path, default_model=MODEL)

    answer = await service.certify(picture(), sigma="1")

    (error,) = problem(answer, 422, "invalid-parameter")["errors"]
    assert error["detail"].endswith("not 1; trained for that: tiny.one")


async def test_all_that_is_wrong_is_said_at_once(
    service: Any, picture: Picture, problem: Problem
) -> None:
    answer = await service.certify(picture(), sigma="x", n="y", colour="red")

    errors = problem(answer, 422, "invalid-parameter")["errors"]
    assert {error["field"] for error in errors} == {"sigma", "n", "colour"}


async def test_a_missing_sigma_is_required(
    service: Any, picture: Picture, problem: Problem
) -> None:
    answer = await service.http.post("/certify", files={"image": picture()})

    (error,) = problem(answer, 422, "invalid-parameter")["errors"]
    assert (error["field"], error["value"], error["detail"]) == ("sigma", None, "is required")


async def test_an_image_under_another_name_is_a_missing_image(
    service: Any, picture: Picture, problem: Problem
) -> None:
    answer = await service.http.post("/certify", files={"file": picture()}, data={"sigma": "0.25"})

    errors = problem(answer, 422, "invalid-parameter")["errors"]
    assert {error["field"] for error in errors} == {"file", "image"}
    assert "image" in errors[0]["limit"]["supported"]


async def test_two_images_are_refused(service: Any, picture: Picture, problem: Problem) -> None:
    files = [("image", ("a", picture(1))), ("image", ("b", picture(2)))]

    answer = await service.http.post("/certify", files=files, data={"sigma": "0.25"})

    (error,) = problem(answer, 422, "invalid-parameter")["errors"]
    assert (error["field"], error["value"], error["limit"]) == ("image", "2 parts", {"count": 1})


async def test_a_repeated_field_is_refused(
    service: Any, picture: Picture, problem: Problem
) -> None:
    repeated = await service.http.post(
        "/certify", files={"image": picture()}, data={"sigma": ["0.25", "0.5"]}
    )

    (error,) = problem(repeated, 422, "invalid-parameter")["errors"]
    assert (error["field"], error["value"]) == ("sigma", "2 parts")


async def test_a_field_that_is_too_long_is_refused(
    service: Any, picture: Picture, problem: Problem
) -> None:
    answer = await service.certify(picture(), model="m" * 5_000)

    (error,) = problem(answer, 422, "invalid-parameter")["errors"]
    assert (error["field"], error["limit"]) == ("model", {"max_bytes": 1024})


async def test_a_field_that_is_no_text_is_refused(
    service: Any, picture: Picture, problem: Problem
) -> None:
    files = {"image": picture(), "sigma": b"\xff\xfe"}

    body = problem(await service.http.post("/certify", files=files), 422, "invalid-parameter")

    assert {error["field"] for error in body["errors"]} == {"sigma"}
