"""What a certificate claims and what it does not, in plain words."""

from collections.abc import Callable
from dataclasses import dataclass

from jobs.record import ImageRef
from smoothing.certificate import Certificate
from smoothing.digits import plain
from smoothing.params import SmoothingParams


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a certificate is about, beside its votes: all that its words need.

    Attributes:
        model_id: Name of the base classifier.
        label: Of the predicted class; None where none is.
        image: The image.
        attempts: Different questions that the service was asked about this image and model, this
            one included; None in documents of schema 1, which did not count them.
        exact: Whether parameters are written with all their digits; before schema 3 they had six.
    """

    model_id: str
    label: str | None
    image: ImageRef
    attempts: int | None
    exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figures:
    """Parameters as they are written."""

    sigma: str
    alpha: str
    alpha_each: str
    radius: str


def statement(subject: Subject, certificate: Certificate) -> str:
    """What is claimed and what is not, in plain words."""
    return _claim(subject, certificate) + _attempts(subject.attempts)


def _claim(subject: Subject, certificate: Certificate) -> str:
    figures = _figures(certificate.params, plain if subject.exact else _of_six_digits)
    smoothed = (
        f"the smoothed classifier made of model {subject.model_id} and Gaussian noise of standard "
        f"deviation {figures.sigma} (pixels scaled to 0..1)"
    )
    if subject.label is None:
        return _nothing(certificate, figures, smoothed)
    if certificate.params.mode == "predict":
        return _of_one_image(certificate.params, figures, subject.label, smoothed)
    return _of_a_ball(subject.image, certificate, figures, subject.label, smoothed)


def _of_six_digits(value: float) -> str:
    return f"{value:g}"


def _figures(params: SmoothingParams, write: Callable[[float], str]) -> _Figures:
    return _Figures(
        sigma=write(params.sigma),
        alpha=write(params.alpha),
        alpha_each=write(params.alpha_each),
        radius="" if params.radius is None else write(params.radius),
    )


def _attempts(attempts: int | None) -> str:
    if attempts is None:
        return ""
    if attempts == 1:
        return (
            " In the 30 days before, the service had been asked no other question about this image "
            "and this model."
        )
    return (
        f" By then the service had been asked at least {attempts} different questions about this "
        "image and this model, this one included: the probability is not that of a choice among "
        "the answers."
    )


def _nothing(certificate: Certificate, figures: _Figures, smoothed: str) -> str:
    params = certificate.params
    at = f"at alpha {figures.alpha}{_family(params)}"
    if params.mode == "decide":
        return (
            f"No radius is claimed: the votes do not show, {at}, a radius of {figures.radius} for "
            f"any class under {smoothed}. Nor is it claimed that the radius is smaller: it was not "
            "shown, which is all that this answer says. It is final; the same request gives the "
            "same votes."
        )
    if params.mode == "predict":
        return (
            f"No class is claimed: the votes do not show, {at}, which of the two leading classes "
            f"is the likelier under {smoothed}. Abstaining is a final result; the same request "
            "gives the same votes."
        )
    if certificate.stop_reason == "interim":
        return (
            f"No radius is claimed yet: the votes so far do not show, {at}, that any one class "
            f"has a majority under {smoothed}. More draws of this request may show one."
        )
    lead = "is the likeliest" if params.bound == "runner-up" else "has a majority"
    return (
        f"No radius is claimed: the votes do not show, {at}, "
        f"that any one class {lead} under {smoothed}. Abstaining is a final result; "
        "the same request gives the same votes."
    )


def _of_one_image(params: SmoothingParams, figures: _Figures, label: str, smoothed: str) -> str:
    return (
        f"Except with probability {figures.alpha_each} over the service's own randomness, this "
        f"image is classified {label!r} by {smoothed}. No radius is claimed: the class of an image "
        f"that differs from this one, by however little, may be another.{_heuristic(params)} "
        f"{_of_which(params, figures)} Nothing is said about whether {label!r} is right, about "
        "the model without the noise, or about other noise levels."
    )


def _of_a_ball(
    image: ImageRef, certificate: Certificate, figures: _Figures, label: str, smoothed: str
) -> str:
    params = certificate.params
    channels, height, width = image.shape
    return (
        f"Except with probability {figures.alpha_each} over the service's own randomness, every "
        f"image whose certified tensor ({channels} x {height} x {width}, pixels scaled to 0..1, "
        f"after the stated preprocessing) lies within L2 distance {certificate.radius:.6f} of this "
        f"one's is classified {label!r} by {smoothed}.{_asked(params)}{_heuristic(params)} "
        f"{_of_which(params, figures)} Nothing is said about whether {label!r} is right, about "
        "the model without the noise, about other noise levels, or about changes outside the ball, "
        "such as rotations, crops or large patches. Whoever relies on it must classify by the "
        "smoothed classifier."
    )


def _asked(params: SmoothingParams) -> str:
    if params.mode != "decide":
        return ""
    return " That radius is the one that was asked about; whether it is larger was not asked."


def _heuristic(params: SmoothingParams) -> str:
    if params.total_variation:
        return ""
    return (
        " The noise was drawn and added in single precision, so this is a heuristic "
        "certificate: rounding errors of the noise are not accounted for."
    )


def _of_which(params: SmoothingParams, figures: _Figures) -> str:
    """What else the probability of being wrong is of."""
    if params.family_size > 1:
        return (
            f"Of a family of {params.family_size} certificates with this probability each, all "
            f"hold together except with probability {figures.alpha}."
        )
    if params.mode == "anytime":
        return (
            "That probability is of all that this request shows, early or late, together, but not "
            "of several requests."
        )
    return "That probability is of this certificate alone, not of several together."


def _family(params: SmoothingParams) -> str:
    if params.family_size == 1:
        return ""
    return f", shared by a family of {params.family_size} certificates"
