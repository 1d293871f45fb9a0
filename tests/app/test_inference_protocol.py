"""Health and models, asked as the Open Inference Protocol asks."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

MODEL = "tiny.colours"


async def test_the_server_says_what_it_is(service: Any) -> None:
    body = (await service.http.get("/v2")).json()

    assert body["name"] == "dmae-certify"
    assert body["extensions"] == []


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("health/live", {"live": True}),
        ("health/ready", {"ready": True}),
        (f"models/{MODEL}/ready", {"name": MODEL, "ready": True}),
    ],
)
async def test_a_live_service_is_ready(service: Any, path: str, body: dict[str, Any]) -> None:
    answer = await service.http.get(f"/v2/{path}")

    assert (answer.status_code, answer.json()) == (200, body)


@pytest.mark.parametrize("path", ["health/ready", f"models/{MODEL}/ready"])
async def test_without_a_worker_nothing_is_ready(
    service: Any, problem: Callable[..., Any], path: str
) -> None:
    problem(await service.http.get(f"/v2/{path}"), 503, "not-ready")


async def test_a_model_has_tensors(service: Any) -> None:
    body = (await service.http.get(f"/v2/models/{MODEL}")).json()

    assert body["inputs"] == [{"name": "image", "datatype": "FP32", "shape": [-1, 3, 32, 32]}]
    assert body["outputs"][0]["shape"] == [-1, 10]


@pytest.mark.parametrize("path", ["models/other", "models/other/ready"])
async def test_a_model_that_is_not_there_is_not_found(
    service: Any, problem: Callable[..., Any], path: str
) -> None:
    problem(await service.http.get(f"/v2/{path}"), 404, "model-not-found")
