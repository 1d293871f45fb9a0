"""What to change after an answer that claims nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from app.pages import words
from app.pages.draws_figure import enough
from model_store.card import ModelCard
from smoothing.bounds import certified_radius
from smoothing.certificate import AbstentionReason, Certificate
from smoothing.digits import plain

OTHER_IMAGES = "An image unlike those that the model was trained on is often not certified at all."


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One thing that may help; `fields` is what to change of the request, if that is all."""

    text: str
    fields: Mapping[str, str] = field(default_factory=dict[str, str])


def advice(
    certificate: Certificate,
    card: ModelCard | None,
    cards: Sequence[ModelCard],
    *,
    max_draws: int,
) -> list[Advice]:
    """What may help after an abstention, the best first; nothing where there was none.

    Args:
        certificate: As it was proved.
        card: Of its model; None where that has left the store.
        cards: Of all models.
        max_draws: The most that may be asked for.
    """
    reason = certificate.abstention_reason
    if reason is None:
        return []
    found = _BY_REASON[reason](certificate, max_draws)
    return [*found, *_less_noise(certificate, card, cards), Advice(text=OTHER_IMAGES)]


def _more_draws(certificate: Certificate, max_draws: int) -> list[Advice]:
    params = certificate.params
    n = min(10 * params.n, max_draws)
    if n <= params.n:
        return []
    text = f"Draw more: {n:,} may be enough to be sure."
    if params.mode != "predict":
        needed = enough(certificate, at_most=max_draws)
        n = max(n, needed or n)
        text = (
            f"Draw more: {n:,} would be enough if they went on to fall as these did."
            if needed
            else f"Draw more: {n:,} may fall more clearly. If they fall as these did, no number "
            "that may be asked for is enough."
        )
    return [Advice(text=text, fields={"n": f"{n}"})]


def _both_bounded(certificate: Certificate, max_draws: int) -> list[Advice]:
    params = certificate.params
    if params.mode not in ("fixed", "adaptive") or params.bound == "runner-up":
        return _more_draws(certificate, max_draws)
    text = "Bound the runner-up by itself: then the class needs no majority, only the lead."
    return [Advice(text=text, fields={"bound": "runner-up"})]


def _plan_again(certificate: Certificate, max_draws: int) -> list[Advice]:  # noqa: ARG001 - one form
    if certificate.params.mode != "fixed":
        return []
    text = "Let a pilot choose the class: mode adaptive looks until it is sure enough."
    return [Advice(text=text, fields={"mode": "adaptive", "n": ""})]


def _smaller_radius(certificate: Certificate, max_draws: int) -> list[Advice]:  # noqa: ARG001
    params = certificate.params
    sound = max(certificate.p_lower - params.total_variation, 0.0)
    shown = float(words.floored(certified_radius(sound, sigma=params.sigma), 3))
    found = [
        Advice(
            text="Ask for the best radius instead: mode anytime looks at the same draws.",
            fields={"mode": "anytime", "radius": ""},
        )
    ]
    if shown > 0:
        text = f"Ask about a smaller radius: these draws already speak for {shown:g}."
        found.insert(0, Advice(text=text, fields={"radius": f"{shown:g}"}))
    return found


def _less_noise(
    certificate: Certificate, card: ModelCard | None, cards: Sequence[ModelCard]
) -> list[Advice]:
    """The next smaller level of this model, or of one that tells the same classes apart."""
    if card is None:
        return []
    alike = [card, *(each for each in cards if each.labels == card.labels and each.id != card.id)]
    smaller = [
        (sigma, each) for each in alike for sigma in each.sigmas if sigma < certificate.params.sigma
    ]
    if not smaller:
        return []
    sigma, other = max(smaller, key=lambda each: each[0])
    text = f"Use less noise: at sigma {sigma:g} the class is easier to tell."
    return [Advice(text=text, fields={"sigma": plain(sigma), "model": other.id})]


_BY_REASON: Mapping[AbstentionReason, Callable[[Certificate, int], list[Advice]]] = {
    "no_majority": _both_bounded,
    "hopeless": _both_bounded,
    "too_few_draws": _more_draws,
    "unstable_selection": _plan_again,
    "not_shown": _smaller_radius,
    "too_close": _more_draws,
}
