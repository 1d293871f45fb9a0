"""An image may be the whole body, with its parameters in the query."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

Picture = Callable[..., bytes]
Problem = Callable[..., dict[str, Any]]


async def post(
    service: Any, image: bytes, query: str, content_type: str = "image/png", method: str = "POST"
) -> Any:
    return await service.http.request(
        method, f"/certify?{query}", content=image, headers={"Content-Type": content_type}
    )


@pytest.mark.parametrize(("form", "kind"), [("PNG", "png"), ("JPEG", "jpeg"), ("WEBP", "webp")])
async def test_a_bare_image_is_certified(
    service: Any, picture: Picture, form: str, kind: str
) -> None:
    answer = await post(service, picture(form=form), "sigma=0.25&n=200", f"image/{kind}")

    assert answer.status_code == 202
    assert answer.json()["params"]["n"] == 200


async def test_a_bare_image_and_a_form_ask_the_same(service: Any, picture: Picture) -> None:
    bare = await post(service, picture(), "sigma=0.25&mode=fixed&n=200", "Image/PNG; q=1")
    form = await service.certify(picture(), n=200)

    assert bare.json()["id"] == form.json()["id"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "sigma"),
        ("sigma=0.25&sigma=0.5", "sigma"),
        ("sigma=0.25&n=0", "n"),
        ("sigma=0.25&colour=red", "colour"),
        ("sigma=0.25&image=x", "image"),
        ("sigma=0.25&model=" + "x" * 2000, "model"),
        ("sigma=0.25&mode=%ff", "mode"),
    ],
)
async def test_its_parameters_are_held_to_the_same_rules(
    service: Any, picture: Picture, problem: Problem, query: str, field: str
) -> None:
    answer = await post(service, picture(), query)

    assert problem(answer, 422, "invalid-parameter")["errors"][0]["field"] == field


async def test_a_parameter_is_in_the_form_or_in_the_query(
    service: Any, picture: Picture, problem: Problem
) -> None:
    def ask(query: str, **fields: str) -> Any:
        return service.http.post(
            f"/certify?{query}", files={"image": picture()}, data=fields, headers=None
        )

    split = await ask("n=200&mode=fixed", sigma="0.25")
    twice = await ask("sigma=0.5", sigma="0.25")

    assert split.json()["params"]["n"] == 200
    assert problem(twice, 422, "invalid-parameter")["errors"][0]["field"] == "sigma"


async def test_bytes_that_are_no_image_are_told_apart(service: Any, problem: Problem) -> None:
    problem(await post(service, b"GIF89a", "sigma=0.25"), 415, "unsupported-image")
    problem(await post(service, b"", "sigma=0.25"), 422, "unreadable-image")
    problem(await post(service, b"x", "sigma=0.25", "image/gif"), 415, "unsupported-media-type")


async def test_a_bare_image_may_be_no_longer_than_another(
    serve: Callable[..., Any], picture: Picture, problem: Problem
) -> None:
    service = await serve(max_upload_bytes=20)

    problem(await post(service, picture(), "sigma=0.25"), 413, "body-too-large")
