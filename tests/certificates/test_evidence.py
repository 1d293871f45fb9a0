"""A certificate held against the picture, and against the model."""

import hashlib
import math
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.certificates.canonical import written
from app.certificates.evidence import same_preprocessing
from app.certificates.verification import verify
from jobs.record import ImageRef
from model_store.card import Preprocessing
from model_store.decoding import ImageLimits, decode
from model_store.preprocessing import CertifiedImage, prepare
from model_store.registry import BUNDLED, Registry

CARD = Preprocessing(
    size=8, resize="bicubic", resize_shorter=10, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)
)


def encoded(form: str, size: tuple[int, int], mode: str = "RGB") -> bytes:
    pixels = np.random.default_rng(3).integers(0, 256, (*size[::-1], 4), dtype=np.uint8)
    file = BytesIO()
    Image.fromarray(pixels, "RGBA").convert(mode).save(file, form)
    return file.getvalue()


def image_ref(data: bytes, preprocessing: Preprocessing = CARD) -> ImageRef:
    return image_ref_of(data, prepare(decode(data), preprocessing))


def image_ref_of(data: bytes, made: CertifiedImage) -> ImageRef:
    channels, height, width = made.tensor.shape
    return ImageRef(
        upload_sha256=hashlib.sha256(data).hexdigest(),
        tensor_sha256=made.sha256,
        shape=(channels, height, width),
        original_size=made.original_size,
        spectral_norm=made.spectral_norm,
        rounding_slack=made.rounding_slack,
        preprocessing=dict(made.record),
    )


def results(document: dict[str, Any], **evidence: Any) -> dict[str, bool | None]:
    report = verify(written(document), None, **evidence)
    return {check.name: check.passed for check in report.checks}


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("size", [(64, 48), (10, 10), (8, 30)])
@pytest.mark.parametrize("kernel", ["bicubic", "bilinear"])
def test_the_tensor_is_made_again_from_the_certificate_alone(
    make_document: Callable[..., Any], form: str, size: tuple[int, int], kernel: Any
) -> None:
    data = encoded(form, size)
    document = make_document("fixed", image=image_ref(data, replace(CARD, resize=kernel)))

    found = results(document, image=data)

    assert (found["upload"], found["tensor"]) == (True, True)


def test_what_a_service_with_other_limits_took_is_made_again(
    make_document: Callable[..., Any],
) -> None:
    data = encoded("PNG", (7, 1))
    made = prepare(decode(data, ImageLimits(min_side=1)), CARD)
    document = make_document("fixed", image=image_ref_of(data, made))

    assert results(document, image=data)["tensor"] is True


def test_a_picture_too_large_to_be_made_again_is_not_said_to_be_another(
    make_document: Callable[..., Any],
) -> None:
    data = encoded("PNG", (10_001, 8))
    made = prepare(decode(data, ImageLimits(max_side=10_001)), CARD)
    document = make_document("fixed", image=image_ref_of(data, made))

    found = results(document, image=data)

    assert (found["upload"], found["tensor"]) == (True, None)


def test_transparency_is_composed_again(make_document: Callable[..., Any]) -> None:
    data = encoded("PNG", (20, 20), "RGBA")

    assert results(make_document("fixed", image=image_ref(data)), image=data)["tensor"]


def test_a_grey_upload_has_a_norm_over_one_channel_and_had_one_over_three(
    make_document: Callable[..., Any],
) -> None:
    data = encoded("PNG", (20, 20), "L")
    image = image_ref(data)

    for norm, holds in [(1, True), (1 / math.sqrt(3), True), (1 / 3, False), (math.sqrt(3), False)]:
        said = replace(image, spectral_norm=image.spectral_norm * norm)
        assert results(make_document("fixed", image=said), image=data)["tensor"] is holds


def test_another_file_is_not_the_upload(make_document: Callable[..., Any]) -> None:
    data = encoded("PNG", (20, 20))
    document = make_document("fixed", image=image_ref(data))

    for other in (encoded("PNG", (20, 21)), data + b"\0", b""):
        found = results(document, image=other)
        assert found["upload"] is False
        assert "tensor" not in found


@pytest.mark.parametrize(
    "change",
    [
        {"tensor_sha256": "00" * 32},
        {"spectral_norm": 0.9},
        {"rounding_slack": 0.0},
        {"original_size": [20, 21]},
        {"shape": [3, 9, 9]},
        {"preprocessing": {}},
        {"preprocessing": {"resize": "nearest", "resized_to": [10, 10]}},
        {"preprocessing": {"resize": None, "resized_to": [10**6, 10**6]}},
        {"preprocessing": {"resize": "bicubic", "resized_to": "wide"}},
    ],
)
def test_what_is_said_of_the_image_is_made_again(
    make_document: Callable[..., Any], change: dict[str, Any]
) -> None:
    data = encoded("PNG", (20, 20))
    document = make_document("fixed", image=image_ref(data))
    document["image"] |= change

    assert results(document, image=data)["tensor"] is False


def test_an_upload_that_is_no_picture_is_said_to_be_none(
    make_document: Callable[..., Any],
) -> None:
    data = encoded("PNG", (20, 20))
    ref = replace(image_ref(data), upload_sha256=hashlib.sha256(b"GIF89a").hexdigest())

    found = results(make_document("fixed", image=ref), image=b"GIF89a")

    assert (found["upload"], found["tensor"]) == (True, False)


def bundled(document: dict[str, Any]) -> dict[str, Any]:
    """The document, as of the model that comes along."""
    from jobs.keys import model_ref

    ref = model_ref(Registry(BUNDLED).default())
    document["model"] |= {
        "id": ref.id,
        "weights_sha256": ref.weights_sha256,
        "function_sha256": ref.function_sha256,
        "precision": ref.precision,
        "num_classes": ref.num_classes,
    }
    document["predicted"] = {"index": 1, "label": ref.labels[1]}
    return document


def test_the_model_is_told_by_its_weights_and_labels(make_document: Callable[..., Any]) -> None:
    document = bundled(make_document("fixed"))

    assert results(document, store=BUNDLED)["model"] is True
    for part, change in (
        ("model", {"weights_sha256": "00" * 32}),
        ("model", {"function_sha256": "00" * 32}),
        ("predicted", {"label": "unicorn"}),
    ):
        other = {**document, part: {**document[part], **change}}
        assert results(other, store=BUNDLED)["model"] is False


def test_a_store_without_the_model_cannot_tell(
    make_document: Callable[..., Any], tmp_path: Path
) -> None:
    assert results(make_document("fixed"), store=tmp_path)["model"] is None
    assert results(make_document("fixed"), store=BUNDLED)["model"] is None


def test_a_model_that_prepares_images_otherwise_is_told() -> None:
    resized, as_it_was = (image_ref(encoded("PNG", size)) for size in ((20, 20), (10, 10)))

    assert same_preprocessing(resized, CARD)
    assert same_preprocessing(as_it_was, replace(CARD, resize="bilinear"))
    assert not same_preprocessing(resized, replace(CARD, resize="bilinear"))
    assert not same_preprocessing(resized, replace(CARD, resize_shorter=11))
    assert not same_preprocessing(resized, replace(CARD, size=9))
