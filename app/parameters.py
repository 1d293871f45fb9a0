"""From the parts of a form to what a certificate is computed with, or everything that is wrong."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from pydantic import ValidationError

from app.certify_form import NO_PARAMETERS, CertifyForm
from app.errors import FieldError, InvalidRequest, Limit, echo
from app.faults import accepted, fault, limits_of, refused
from app.multipart import Part
from app.pacing import default_n
from model_store.card import ModelCard
from model_store.errors import ModelNotFound, ModelStoreError
from model_store.registry import Registry
from smoothing.digits import plain
from smoothing.errors import InvalidParams
from smoothing.noise import check_sound
from smoothing.params import SmoothingParams

IMAGE = "image"
TEXT_FIELDS = tuple(CertifyForm.model_fields)
MAX_TEXT_BYTES = 1024

_NO_NUMBERS = {
    "int_parsing": "must be a whole number, such as 10000",
    "float_parsing": "must be a number, such as 0.25",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CertifyRequest:
    """A request whose every field is of the right kind; `n` may still be open.

    Attributes:
        image: The upload.
        card: The model.
        form: The text fields.
        limits: What each field has to respect.
    """

    image: bytes
    card: ModelCard
    form: CertifyForm
    limits: Mapping[str, Limit]


def field_sizes(max_upload_bytes: int) -> dict[str, int]:
    """The form's fields, and how many bytes each may have."""
    return {IMAGE: max_upload_bytes} | dict.fromkeys(TEXT_FIELDS, MAX_TEXT_BYTES)


def read_form(parts: Sequence[Part], *, registry: Registry, max_draws: int) -> CertifyRequest:
    """The request that a form makes.

    Args:
        parts: Of the form, in order.
        registry: The models there are.
        max_draws: Largest `n` and `n0`.

    Raises:
        InvalidRequest: With every field that is wrong.
        ModelNotFound: No model is named and the store is empty.
    """
    faults = misnamed(parts, (IMAGE, *TEXT_FIELDS))
    request = read_texts(parts, faults, registry=registry, max_draws=max_draws)
    image = next(bytes(part.data) for part in parts if part.name == IMAGE)
    return replace(request, image=image)


def read_texts(
    parts: Sequence[Part], faults: Sequence[FieldError], *, registry: Registry, max_draws: int
) -> CertifyRequest:
    """The request that the text fields of a form make, for an empty image.

    Args:
        parts: Of the form, in order.
        faults: What is wrong with it already.
        registry: The models there are.
        max_draws: Largest `n` and `n0`.

    Raises:
        InvalidRequest: With every field that is wrong.
        ModelNotFound: No model is named and the store is empty.
    """
    texts, unreadable = _texts(parts)
    card, unknown_model = _card(texts.get("model"), registry)
    limits = limits_of(card, registry, mode=texts.get("mode"), max_draws=max_draws)
    form, invalid = _validate(texts, limits)
    found = [*faults, *unreadable, *unknown_model, *invalid]
    if form is not None:
        found += _too_many_draws(form, texts, limits, max_draws)
        if card is not None and form.sigma not in card.sigmas:
            found.append(_unsupported_sigma(form, texts, card, limits, registry))
    if found or form is None or card is None:
        raise InvalidRequest(found)
    return CertifyRequest(image=b"", card=card, form=form, limits=limits)


def smoothing_params(
    request: CertifyRequest, *, draws_per_s: float, max_draws: int
) -> SmoothingParams:
    """The parameters of the certificate.

    Args:
        request: What was asked; where it names no n, it gets the default.
        draws_per_s: Of all workers of the model together.
        max_draws: The largest n that may be asked for.

    Raises:
        InvalidRequest: They cannot be used together, such as an n with which every answer would
            be an abstention, a radius that no n draws can show, or sound noise of a sigma for
            which it is not proved.
    """
    form = request.form
    values = form.model_dump(exclude=set(NO_PARAMETERS))
    if form.n is None:
        values["n"] = default_n(form.mode, draws_per_s, n0=form.n0, at_most=max_draws)
    try:
        if form.numerics == "sound":
            check_sound(3 * request.card.preprocessing.size**2, form.sigma)
        return SmoothingParams(**values)
    except InvalidParams as error:
        sent, limit = getattr(form, error.field, None), request.limits.get(error.field)
        raise InvalidRequest([refused(error, values, sent, limit)]) from error


def misnamed(
    parts: Sequence[Part], known: Sequence[str], *, repeatable: Collection[str] = ()
) -> list[FieldError]:
    """What is wrong with the names of parts: unknown, repeated, or no image.

    Args:
        parts: Of the form.
        known: The fields that it has.
        repeatable: Those that there may be none of, or several.
    """
    counts = Counter(part.name for part in parts)
    unknown = [
        FieldError(
            field=echo(name),
            value=None,
            detail=f"is no field of this form; the fields are {', '.join(known)}",
            limit={"supported": list(known)},
        )
        for name in counts
        if name not in known
    ]
    repeated = [
        FieldError(
            field=name,
            value=f"{count} parts",
            detail=f"must be sent once, got {count} parts of this name",
            limit={"count": 1},
        )
        for name, count in counts.items()
        if count > 1 and name in known and name not in repeatable
    ]
    missing = not counts[IMAGE] and IMAGE not in repeatable
    return unknown + repeated + ([_missing_image()] if missing else [])


def _missing_image() -> FieldError:
    return FieldError(
        field=IMAGE, value=None, detail="is required: one image file", limit={"count": 1}
    )


def _texts(parts: Sequence[Part]) -> tuple[dict[str, str], list[FieldError]]:
    texts: dict[str, str] = {}
    faults: list[FieldError] = []
    for part in parts:
        if part.name not in TEXT_FIELDS:
            continue
        try:
            texts[part.name] = part.data.decode()
        except UnicodeDecodeError:
            faults.append(FieldError(field=part.name, value=None, detail="must be UTF-8 text"))
    return texts, faults


def _card(model: str | None, registry: Registry) -> tuple[ModelCard | None, list[FieldError]]:
    if model is None:
        return registry.default(), []
    try:
        return registry.get(model), []
    except ModelNotFound as error:
        detail = f"no such model; there are: {', '.join(error.known)}"
        return None, [fault("model", model, detail, {"supported": list(error.known)})]


def _validate(
    texts: Mapping[str, str], limits: Mapping[str, Limit]
) -> tuple[CertifyForm | None, list[FieldError]]:
    try:
        return CertifyForm.model_validate_strings(dict(texts)), []
    except ValidationError as error:
        faults = [(str(each["loc"][0]), each) for each in error.errors(include_url=False)]
        if [field for field, _ in faults] == ["n"]:
            limits = {**limits, "n": _limit_of_draws(texts, limits["n"])}
        return None, [
            fault(
                field,
                sent,
                _in_words(sent, each["type"], each["msg"]),
                limits.get(field, each.get("ctx")),
            )
            for field, each in faults
            for sent in [texts.get(field)]
        ]


def _limit_of_draws(texts: Mapping[str, str], limit: Limit) -> Limit:
    """What n has to respect beside the other fields, where these make sense by themselves."""
    others = {name: text for name, text in texts.items() if name != "n"}
    values = CertifyForm.model_validate_strings(others).model_dump(exclude=set(NO_PARAMETERS))
    values["n"] = accepted(values, "n", 1)
    try:
        SmoothingParams(**values)
    except InvalidParams:
        return limit
    return {**limit, "minimum": values["n"]}


def _in_words(sent: str | None, kind: str, message: str) -> str:
    if sent is None:
        return "is required"
    return _NO_NUMBERS.get(kind, message[:1].lower() + message[1:])


def _too_many_draws(
    form: CertifyForm, texts: Mapping[str, str], limits: Mapping[str, Limit], max_draws: int
) -> list[FieldError]:
    return [
        fault(field, texts[field], f"must be at most {max_draws}, got {value}", limits[field])
        for field, value in (("n", form.n), ("n0", form.n0))
        if value is not None and value > max_draws
    ]


def _unsupported_sigma(
    form: CertifyForm,
    texts: Mapping[str, str],
    card: ModelCard,
    limits: Mapping[str, Limit],
    registry: Registry,
) -> FieldError:
    supported = ", ".join(map(plain, card.sigmas))
    detail = f"{card.id} was trained for sigma {supported}, not {plain(form.sigma)}"
    others = ", ".join(_trained_for(form.sigma, registry))
    if others:
        detail += f"; trained for that: {others}"
    return fault("sigma", texts["sigma"], detail, limits["sigma"])


def _trained_for(sigma: float, registry: Registry) -> list[str]:
    models: list[str] = []
    for model in registry.ids():
        with suppress(ModelStoreError):  # another's card that cannot be read
            if sigma in registry.get(model).sigmas:
                models.append(model)
    return models
