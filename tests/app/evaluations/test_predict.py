"""POST /predict: the certify path with its mode given."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.anyio, pytest.mark.redis]


async def predict(service: Any, image: bytes, **fields: str) -> Any:
    data = {"sigma": "0.25"} | fields
    return await service.http.post("/predict", files={"image": ("a.png", image)}, data=data)


async def test_an_image_is_predicted_without_a_radius(
    service: Any, worker: Any, picture: Callable[..., bytes]
) -> None:
    begun = await predict(service, picture())
    assert begun.status_code == 202
    assert begun.json()["params"] == {
        "sigma": 0.25,
        "mode": "predict",
        "n": 1000,
        "alpha": 0.001,
        "numerics": "sound",
    }

    worker.work()
    done = (await service.http.get(begun.headers["location"])).json()

    assert done["certificate"]["verdict"] == "predicted"
    assert done["certificate"]["radius"] == 0
    assert (await predict(service, picture())).status_code == 200


@pytest.mark.parametrize("mode", ["predict", None])
async def test_the_mode_may_be_said_or_not(
    service: Any, picture: Callable[..., bytes], mode: str | None
) -> None:
    answer = await predict(service, picture(), **({"mode": mode} if mode else {}))

    assert answer.json()["params"]["mode"] == "predict"


@pytest.mark.parametrize("mode", ["fixed", "adaptive", "PREDICT", ""])
async def test_another_mode_is_refused(
    service: Any, picture: Callable[..., bytes], problem: Any, mode: str
) -> None:
    body = problem(await predict(service, picture(), mode=mode), 422, "invalid-parameter")

    assert body["errors"][0]["field"] == "mode"
    assert body["errors"][0]["nearest"] == "predict"


async def test_what_the_mode_does_not_read_is_refused(
    service: Any, picture: Callable[..., bytes], problem: Any
) -> None:
    problem(await predict(service, picture(), n0="50"), 422, "invalid-parameter")


async def test_a_bare_image_is_predicted_too(service: Any, picture: Callable[..., bytes]) -> None:
    answer = await service.http.post(
        "/predict?sigma=0.25", content=picture(), headers={"content-type": "image/png"}
    )

    assert answer.status_code == 202
