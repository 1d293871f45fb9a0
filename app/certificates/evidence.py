"""What a certificate says of an image and of a model, held against the files themselves."""

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.certificates.errors import DoesNotVerify
from app.certificates.report import Check
from app.certificates.schema import MAX_SIDE, Image, Model
from jobs.keys import model_ref
from jobs.record import ImageRef
from model_store.card import Preprocessing
from model_store.decoding import ImageLimits, decode
from model_store.errors import ImageError, ImageTooLarge, ModelStoreError
from model_store.preprocessing import CertifiedImage, prepare, tensor_sha256
from model_store.registry import Registry

_KERNELS = ("bicubic", "bilinear")
_NORM_TOLERANCE = 1e-9
"""Relative; the margin that the norm is given when it is computed."""


def check_image(said: Image, data: bytes) -> tuple[Check, ...]:
    """Whether these bytes are the upload, and give the tensor that was certified.

    Decodes and resizes again, as the certificate states it was done; needs no model.
    """
    digest = hashlib.sha256(data).hexdigest()
    same = digest == said.upload_sha256
    detail = "byte for byte the upload" if same else f"another file: its SHA-256 is {digest}"
    upload = Check(name="upload", passed=same, detail=detail)
    if not same:
        return (upload,)
    try:
        again = made_again(said, data)
    except (ImageError, ValueError) as error:
        # The service may have taken larger ones than are read here.
        passed = None if isinstance(error, ImageTooLarge) else False
        return upload, Check(name="tensor", passed=passed, detail=f"cannot be made again: {error}")
    wrong = _differences(said, again)
    told = f"made again, {wrong} differs" if wrong else "made again, number for number"
    return upload, Check(name="tensor", passed=not wrong, detail=told)


def made_again(said: Image, data: bytes) -> CertifiedImage:
    """The tensor of an upload, as the certificate states it was made.

    Raises:
        ImageError: The upload cannot be decoded here.
        ValueError: The certificate states no preprocessing that this version could have done.
    """
    limits = ImageLimits(max_bytes=len(data), min_side=1)
    return prepare(decode(data, limits), _stated_preprocessing(said))


def stored_tensor(data: bytes, said: Mapping[str, Any]) -> NDArray[np.float32]:
    """The certified tensor, from the bytes that the store has for it.

    Args:
        data: float32, little-endian.
        said: The certificate's member `image`.

    Raises:
        DoesNotVerify: It is another one.
    """
    if len(data) == 4 * math.prod(said["shape"]):
        tensor = np.frombuffer(data, "<f4").reshape(said["shape"])
        if tensor_sha256(tensor) == said["tensor_sha256"]:
            return tensor
    raise DoesNotVerify("the stored tensor is not that of the certificate")


def same_preprocessing(said: ImageRef, card: Preprocessing) -> bool:
    """Whether a model's preprocessing is still that of a certificate.

    Args:
        said: The image, as the certificate has it.
        card: Of the model that has its name now.
    """
    record = said.preprocessing
    kernel = record.get("resize")
    return (
        said.shape == (3, card.size, card.size)
        and min(record.get("resized_to") or [0]) == card.resize_shorter
        and (kernel is None or str(kernel).partition(",")[0] == card.resize)
    )


def check_model(said: Model, label: tuple[int, str] | None, store: Path) -> Check:
    """Whether a store holds the very model of a certificate.

    Args:
        said: What the certificate says of its model.
        label: Index and name of the class that is claimed, if one is.
        store: Directory with a folder a model.
    """
    registry = Registry(store)
    try:
        card = registry.get(said.id)
        weights = registry.path(said.id) / card.weights.file
        with weights.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except (ModelStoreError, OSError) as error:
        return Check(name="model", passed=None, detail=f"cannot be read: {error}")
    ref = model_ref(card)
    wrong: dict[str, tuple[Any, Any]] = {
        "weights": (digest, said.weights_sha256),
        "function": (ref.function_sha256, said.function_sha256),
        "precision": (ref.precision, said.precision),
        "number of classes": (ref.num_classes, said.num_classes),
    }
    if label is not None and label[0] < ref.num_classes:
        wrong["label"] = (ref.labels[label[0]], label[1])
    told = ", ".join(name for name, (here, there) in wrong.items() if here != there)
    detail = f"{said.id} here has another {told}" if told else f"{said.id}, weights and labels"
    return Check(name="model", passed=not told, detail=detail)


def _stated_preprocessing(said: Image) -> Preprocessing:
    """The preprocessing that a certificate states, as far as it makes the tensor."""
    record = said.preprocessing
    resize, resized = record.get("resize"), record.get("resized_to")
    kernel = _KERNELS[0] if resize is None else str(resize).partition(",")[0]
    if kernel not in _KERNELS or not isinstance(resized, list) or not resized:
        raise ValueError("the preprocessing is of no known kind")
    shorter, size = min(resized), said.shape[1]
    if not size <= shorter <= MAX_SIDE:
        raise ValueError(f"an image is not resized to {shorter} and cropped to {size}")
    any_triple = (0.5, 0.5, 0.5)
    return Preprocessing(
        size=size, resize=kernel, resize_shorter=shorter, mean=any_triple, std=any_triple
    )


def _differences(said: Image, again: CertifiedImage) -> str:
    norms = [again.spectral_norm]
    if again.record["mode"] == "grey":
        # Earlier certificates have the norm over the three channels that a sample becomes.
        norms.append(again.spectral_norm / math.sqrt(3))
    close = any(math.isclose(said.spectral_norm, norm, rel_tol=_NORM_TOLERANCE) for norm in norms)
    same = {
        "the tensor": again.sha256 == said.tensor_sha256,
        "its shape": list(again.tensor.shape) == said.shape,
        "the size": list(again.original_size) == said.original_size,
        "the norm": close,
        "the rounding": math.isclose(said.rounding_slack, again.rounding_slack, rel_tol=1e-9),
        "the record": again.record == said.preprocessing,
    }
    return ", ".join(name for name, holds in same.items() if not holds)
