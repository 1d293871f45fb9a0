"""The certificate document: what was proved, and all that is needed to check it."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from jobs.record import ImageRef, JobSpec, Maker
from jobs.statement import Subject, statement
from smoothing.certificate import Certificate

SCHEMA_VERSION = 3
_DECIMALS = 1_000_000
_MARGIN = 1e-9
"""Taken off before flooring; far more than the rounding of the arithmetic before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """How and when a certificate was made.

    Attributes:
        key_commitment: Hex SHA-256 of the job key.
        makers: What made the votes: one, unless unlike workers shared the job.
        versions: Name -> version of what took part.
        started_at: When the first worker took the job, seconds since 1970.
        finished_at: When the certificate was computed, seconds since 1970.
        attempts: Different questions asked about this image and model, this one included.
    """

    key_commitment: str
    makers: tuple[Maker, ...]
    versions: Mapping[str, str]
    started_at: float
    finished_at: float
    attempts: int


def certificate_document(spec: JobSpec, certificate: Certificate, making: Making) -> dict[str, Any]:
    """The document as JSON values, unsigned.

    Every radius is floored, to six decimals. All that was proved follows from `counts` and the
    parameters, by `smoothing.replay` or by hand: in mode "fixed", with k the estimation draws of
    the predicted class, `p_lower` is the Clopper-Pearson bound of k in n at `alpha`, and `radius`
    is `sigma * Phi^-1(p_lower - total_variation) - 1e-9`, floored.
    """
    index = certificate.predicted
    subject = Subject(
        model_id=spec.model.id,
        label=None if index is None else spec.model.labels[index],
        image=spec.image,
        attempts=making.attempts,
        exact=True,
    )
    concluded = conclusions(subject, certificate)
    scheme = _each_once(maker.noise_scheme for maker in making.makers)
    return {
        "schema_version": SCHEMA_VERSION,
        **concluded,
        "counts": {str(phase): votes.sparse() for phase, votes in certificate.tally.items()},
        **_params(certificate),
        "image": _image(spec.image),
        "model": _model(spec, making),
        "noise": {
            "scheme": scheme,
            "commitment": making.key_commitment,
            **concluded["noise"],
        },
        "attempts": making.attempts,
        **_timing(certificate, making),
        "versions": dict(making.versions),
    }


def conclusions(subject: Subject, certificate: Certificate) -> dict[str, Any]:
    """All of a document that follows from the rest of it, by which it is checked.

    Args:
        subject: What it is about.
        certificate: What its counts prove, by `smoothing.replay`.
    """
    return {
        "verdict": verdict(certificate),
        "decision": certificate.decision,
        "predicted": _predicted(subject, certificate),
        **_radii(subject.image, certificate),
        "p_lower": certificate.p_lower,
        "p_runner_up_upper": certificate.p_runner_up_upper,
        "method": certificate.params.method,
        "stop_reason": certificate.stop_reason,
        "abstention": _abstention(certificate),
        "noise": {"total_variation": certificate.params.total_variation},
        "statement": statement(subject, certificate),
    }


def verdict(certificate: Certificate) -> str:
    """The outcome in a word: "certified", "not_certified", "predicted" or "abstained"."""
    mode = certificate.params.mode
    if certificate.abstained:
        return "not_certified" if mode == "decide" else "abstained"
    return "predicted" if mode == "predict" else "certified"


def radius_original(radius: float, image: ImageRef) -> float:
    """The radius in the uploaded image's own pixels, floored.

    Preprocessing moves two images that are r apart to at most `spectral_norm * r` apart, and
    rounding may move each by `rounding_slack` more.
    """
    return _floor((radius - 2 * image.rounding_slack) / image.spectral_norm)


def _floor(value: float) -> float:
    return max(math.floor((value - _MARGIN) * _DECIMALS) / _DECIMALS, 0.0)


def _radii(image: ImageRef, certificate: Certificate) -> dict[str, Any]:
    radius = certificate.radius
    return {
        "radius": radius,
        # The radius has six decimals, so 255 of it have no more: exact, nothing to floor.
        "radius_255": float(255 * Decimal(repr(radius))),
        "radius_original": radius_original(radius, image),
        "radius_ceiling": certificate.radius_ceiling,
        "radius_linf": _floor(radius / math.sqrt(math.prod(image.shape))),
        # Pixels of the certified tensor that may each change by up to 1 in every channel.
        "l0_pixels": math.floor(radius**2 / image.shape[0]),
    }


def _predicted(subject: Subject, certificate: Certificate) -> dict[str, Any] | None:
    index = certificate.predicted
    return None if index is None else {"index": index, "label": subject.label}


def _params(certificate: Certificate) -> dict[str, Any]:
    """What was asked; the radius that was asked about must not pass for the one that was shown."""
    stated = certificate.params.stated()
    return {("radius_asked" if name == "radius" else name): stated[name] for name in stated}


def _abstention(certificate: Certificate) -> dict[str, Any] | None:
    reason = certificate.abstention_reason
    if reason is None:
        return None
    return {"reason": reason, "explanation": certificate.abstention_explanation}


def _image(image: ImageRef) -> dict[str, Any]:
    return {
        "upload_sha256": image.upload_sha256,
        "tensor_sha256": image.tensor_sha256,
        "shape": list(image.shape),
        "original_size": list(image.original_size),
        "spectral_norm": image.spectral_norm,
        "rounding_slack": image.rounding_slack,
        "preprocessing": image.preprocessing,
    }


def _model(spec: JobSpec, making: Making) -> dict[str, Any]:
    return {
        "id": spec.model.id,
        "weights_sha256": spec.model.weights_sha256,
        "function_sha256": spec.model.function_sha256,
        "num_classes": spec.model.num_classes,
        "precision": spec.model.precision,
        "runtime": _each_once(maker.runtime for maker in making.makers),
    }


def _each_once(names: Iterable[str]) -> str:
    return "; ".join(sorted(set(names)))


def _timing(certificate: Certificate, making: Making) -> dict[str, Any]:
    duration = max(making.finished_at - making.started_at, 0.001)
    draws = sum(votes.total for votes in certificate.tally.values())
    issued = datetime.fromtimestamp(making.finished_at, UTC).isoformat(timespec="milliseconds")
    return {
        "issued_at": issued.replace("+00:00", "Z"),
        "duration_s": round(duration, 3),
        "draws_per_s": round(draws / duration, 1),
    }
