"""Whether a certificate covers another image: its distance, in the units of both."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.app.acting import certified

pytestmark = [pytest.mark.anyio, pytest.mark.redis]


def moved(image: bytes, by: int) -> bytes:
    """The picture with one sample of one pixel changed."""
    pixels = np.asarray(Image.open(BytesIO(image))).copy()
    pixels[0, 0, 0] += by if pixels[0, 0, 0] < 128 else -by
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


async def covers(service: Any, job_id: str, image: bytes) -> dict[str, Any]:
    answer = await service.http.post(f"/jobs/{job_id}/covers", files={"image": image})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_an_image_inside_the_ball_is_covered_and_one_outside_is_not(
    service: Any, worker: Any, picture: Any
) -> None:
    image = picture()
    job_id = await certified(service, worker, image)

    near = await covers(service, job_id, moved(image, 51))
    assert (near["covered"], near["reason"]) == (True, "inside")
    assert 0.2 <= near["distance"] < 0.2 + 1e-6
    assert 51 <= near["distance_255"] < 51 + 1e-4
    assert 0.2 - 1e-4 < near["original_distance_at_least"] <= 0.2
    assert (await covers(service, job_id, image))["reason"] == "same_tensor"
    far = await covers(service, job_id, picture(seed=1))
    assert (far["covered"], far["reason"]) == (False, "outside")
    larger = await covers(service, job_id, picture(size=(64, 48)))
    assert (larger["covered"], larger["original_distance_at_least"]) == (False, None)


async def test_a_prediction_covers_its_own_image_alone(
    service: Any, worker: Any, picture: Any
) -> None:
    image = picture()
    job_id = await certified(service, worker, image, mode="predict", n=200)

    assert (await covers(service, job_id, image))["covered"]
    assert (await covers(service, job_id, moved(image, 1)))["reason"] == "no_radius"


async def test_bad_forms_are_refused_by_covers(
    service: Any, worker: Any, picture: Any, problem: Any
) -> None:
    job_id = await certified(service, worker, picture())
    path, post = f"/jobs/{job_id}/covers", service.http.post

    problem(await post(path, content=b"x"), 415, "unsupported-media-type")
    problem(
        await post(path, data={"sigma": "1"}, files={"image": picture()}), 422, "invalid-parameter"
    )
    problem(await post(path, files={"other": picture()}), 422, "invalid-parameter")
    problem(await post(path, files=[("image", picture())] * 2), 422, "invalid-parameter")
    problem(await post(path, files={"image": b"GIF89a"}), 415, "unsupported-image")
    problem(await post(path, files={"image": picture()[:100]}), 422, "unreadable-image")
