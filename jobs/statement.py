"""What a certificate claims and what it does not, in plain words."""

from jobs.record import JobSpec
from smoothing.certificate import Certificate, SmoothingParams


def statement(spec: JobSpec, certificate: Certificate) -> str:
    """What is claimed and what is not, in plain words."""
    subject = (
        f"the smoothed classifier made of model {spec.model.id} and Gaussian noise of standard "
        f"deviation {certificate.params.sigma:g} (pixels scaled to 0..1)"
    )
    if certificate.predicted is None:
        return _nothing(certificate, subject)
    label = spec.model.labels[certificate.predicted]
    if certificate.params.mode == "predict":
        return _of_one_image(certificate.params, label, subject)
    return _of_a_ball(spec, certificate, label, subject)


def _nothing(certificate: Certificate, subject: str) -> str:
    params = certificate.params
    at = f"at alpha {params.alpha:g}{_family(params)}"
    if params.mode == "decide":
        return (
            f"No radius is claimed: the votes do not show, {at}, a radius of {params.radius:g} for "
            f"any class under {subject}. Nor is it claimed that the radius is smaller: it was not "
            "shown, which is all that this answer says. It is final; the same request gives the "
            "same votes."
        )
    if params.mode == "predict":
        return (
            f"No class is claimed: the votes do not show, {at}, which of the two leading classes "
            f"is the likelier under {subject}. Abstaining is a final result; the same request "
            "gives the same votes."
        )
    if certificate.stop_reason == "interim":
        return (
            f"No radius is claimed yet: the votes so far do not show, {at}, that any one class "
            f"has a majority under {subject}. More draws of this request may show one."
        )
    lead = "is the likeliest" if params.bound == "runner-up" else "has a majority"
    return (
        f"No radius is claimed: the votes do not show, {at}, "
        f"that any one class {lead} under {subject}. Abstaining is a final result; "
        "the same request gives the same votes."
    )


def _of_one_image(params: SmoothingParams, label: str, subject: str) -> str:
    return (
        f"Except with probability {params.alpha_each:g} over the service's own randomness, this "
        f"image is classified {label!r} by {subject}. No radius is claimed: the class of an image "
        f"that differs from this one, by however little, may be another.{_heuristic(params)} "
        f"{_of_which(params)} Nothing is said about whether {label!r} is right, about the model "
        "without the noise, or about other noise levels."
    )


def _of_a_ball(spec: JobSpec, certificate: Certificate, label: str, subject: str) -> str:
    params = certificate.params
    channels, height, width = spec.image.shape
    return (
        f"Except with probability {params.alpha_each:g} over the service's own randomness, every "
        f"image whose certified tensor ({channels} x {height} x {width}, pixels scaled to 0..1, "
        f"after the stated preprocessing) lies within L2 distance {certificate.radius:.6f} of this "
        f"one's is classified {label!r} by {subject}.{_asked(params)}{_heuristic(params)} "
        f"{_of_which(params)} Nothing is said about whether {label!r} is right, about the model "
        "without the noise, about other noise levels, or about changes outside the ball, such as "
        "rotations, crops or large patches. Whoever relies on it must classify by the smoothed "
        "classifier."
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


def _of_which(params: SmoothingParams) -> str:
    """What else the probability of being wrong is of."""
    if params.family_size > 1:
        return (
            f"Of a family of {params.family_size} certificates with this probability each, all "
            f"hold together except with probability {params.alpha:g}."
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
