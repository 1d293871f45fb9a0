"""Digests that say which requests are equal, and the secret key that fixes their noise."""

import hashlib
import hmac
import json
import os
import time
import uuid
from dataclasses import asdict, fields

from jobs.record import ImageRef, JobSpec, ModelRef
from model_store.card import ModelCard
from smoothing.params import SmoothingParams

REQUEST_SCHEMA = 1
"""Part of every request digest: a change in how noise is made from the key must change it."""


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: object) -> str:
    """Hex digest of a JSON value: equal for equal ones, whatever the order of their members."""
    return hashlib.sha256(_CANONICAL.encode(value).encode()).hexdigest()


def _fields(record: ModelRef | ImageRef) -> dict[str, object]:
    """A record as a dict. `asdict` copies all that is in it, which takes longer than a digest."""
    return {field.name: getattr(record, field.name) for field in fields(record)}


def model_ref(card: ModelCard) -> ModelRef:
    """The model of a card, as a job names it."""
    function = {
        "weights": card.weights.sha256,
        "precision": card.weights.precision,
        "architecture": asdict(card.architecture),
        "size": card.preprocessing.size,
        "mean": list(card.preprocessing.mean),
        "std": list(card.preprocessing.std),
    }
    return ModelRef(
        id=card.id,
        weights_sha256=card.weights.sha256,
        precision=card.weights.precision,
        num_classes=len(card.labels),
        labels=tuple(card.labels),
        function_sha256=digest(function),
    )


def request_digest(model: ModelRef, image: ImageRef, params: SmoothingParams) -> str:
    """Hex digest of all that fixes the votes: classifier, certified tensor and parameters.

    Names, labels and the file in which the tensor was uploaded do not count, nor do parameters
    that change no draw, such as alpha: the same question asked under another name or at another
    confidence must meet the same dice, or an abstention could be tried again.
    """
    return digest(
        {
            "schema": REQUEST_SCHEMA,
            "function": model.function_sha256,
            "weights": model.weights_sha256,
            "precision": model.precision,
            "num_classes": model.num_classes,
            "tensor": image.tensor_sha256,
            "shape": list(image.shape),
            "params": params.dice(),
        }
    )


def document_digest(spec: JobSpec) -> str:
    """Hex digest of all that fixes the certificate document: the request, and how it is named.

    Alpha belongs to the document: two requests that differ in it share votes, not certificates.
    Two uploads may hold the same tensor, and then get the same votes; but their documents name
    different files and original sizes, so they share neither job nor cached certificate.
    """
    return digest(
        {
            "request": spec.request_digest,
            "params": spec.params.stated(),
            "model": _fields(spec.model),
            "image": _fields(spec.image),
        }
    )


def document_name(spec: JobSpec) -> str:
    """What the store calls the answer to a request.

    Each tenant has its own, so that nobody learns what others asked; what a release without
    tenants kept is that of "local".
    """
    name = document_digest(spec)
    return name if spec.tenant == "local" else f"{spec.tenant}:{name}"


def subject(spec: JobSpec) -> str:
    """What questions are about: an image as one function sees it."""
    return f"{spec.model.function_sha256}:{spec.image.tensor_sha256}"


def question_digest(spec: JobSpec) -> str:
    """Hex digest of what is asked about a subject: all that may change its answer."""
    return digest({"dice": spec.params.dice(), "stated": spec.params.stated()})


def job_key(secret: bytes, request_digest: str) -> bytes:
    """The 32 secret bytes from which all noise of a request is made.

    Args:
        secret: The server's secret; nobody who uploads may know it.
        request_digest: See `request_digest`.
    """
    return hmac.new(secret, request_digest.encode(), hashlib.sha256).digest()


def secret_from_text(text: str) -> bytes:
    """The server's secret from what an operator wrote down.

    Raises:
        ValueError: Under 32 characters, where guessing becomes a worry.
    """
    if len(text) < 32:
        raise ValueError(f"a server secret needs at least 32 characters, got {len(text)}")
    return hashlib.sha256(text.encode()).digest()


def commitment(key: bytes) -> str:
    """Hex SHA-256 of a job key: binds the certificate to its noise without showing the key."""
    return hashlib.sha256(key).hexdigest()


def new_job_id() -> str:
    """A new UUIDv7: 48 bits of milliseconds, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | int.from_bytes(os.urandom(10), "big")
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return str(uuid.UUID(int=value))
