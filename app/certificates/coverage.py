"""What a certificate says about another image: its class, or nothing at all."""

from dataclasses import dataclass
from typing import Any, Literal

from app.certificates.distance import Distance
from smoothing.digits import plain

Reason = Literal["same_tensor", "inside", "outside", "no_claim", "no_radius"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Whether a certificate covers an image.

    Attributes:
        covered: Whether the claim is about this image too.
        reason: Why; a stable name.
        explanation: What follows, in words.
    """

    covered: bool
    reason: Reason
    explanation: str


def coverage(document: dict[str, Any], found: Distance, *, same: bool) -> Coverage:
    """What a certificate says about an image at some distance.

    Args:
        document: The certificate.
        found: From the certified tensor to that of the other image.
        same: Whether the two tensors are equal, number for number.
    """
    reason = _reason(document, found, same=same)
    predicted: dict[str, Any] | None = document["predicted"]
    words = _WORDS[reason].format(
        label=None if predicted is None else predicted["label"],
        chance=plain(document["alpha"] / document.get("family_size", 1)),
        radius=document["radius"],
        distance=found.at_most,
    )
    covered = reason in ("same_tensor", "inside")
    if covered and document["numerics"] == "fast":
        words += _HEURISTIC
    return Coverage(covered=covered, reason=reason, explanation=words)


def _reason(document: dict[str, Any], found: Distance, *, same: bool) -> Reason:
    if document["predicted"] is None:
        return "no_claim"
    if same:
        return "same_tensor"
    if document["mode"] == "predict":
        return "no_radius"
    return "inside" if found.within(document["radius"]) else "outside"


_HEURISTIC = (
    " The certificate is heuristic, and so is this: rounding errors of its noise are not accounted "
    "for."
)
_WORDS = {
    "no_claim": "The certificate is an abstention: it claims nothing about any image, so nothing "
    "follows for this one.",
    "same_tensor": "This image gives the very tensor that was certified: the smoothed classifier "
    "answers {label!r} for it, except with probability {chance}.",
    "no_radius": "The certificate is about the class of one image and claims no radius. This image "
    "gives another tensor, {distance:.6g} away, so nothing follows for it.",
    "inside": "The distance, {distance:.6g}, is below the certified radius, {radius:.6f}: the "
    "smoothed classifier answers {label!r} for this image too, except with probability {chance} "
    "for all images of the ball together.",
    "outside": "The distance, {distance:.6g}, is not below the certified radius, {radius:.6f}: "
    "nothing follows. The smoothed classifier may or may not answer {label!r} for this image; a "
    "certificate of its own would tell.",
}
