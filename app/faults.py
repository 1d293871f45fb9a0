"""What is wrong with a field: what was sent, what would have been right, the nearest that is."""

import difflib
import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast, get_args

from app.certify_form import DEFAULT_MODE
from app.errors import FieldError, Limit, Nearest, echo
from jobs.record import Priority
from model_store.card import ModelCard
from model_store.registry import Registry
from smoothing.errors import InvalidParams
from smoothing.params import MAX_ALPHA, MIN_ALPHA, Bound, Mode, Numerics, SmoothingParams
from smoothing.ranges import LEAST_RADIUS


def limits_of(
    card: ModelCard | None, registry: Registry, *, mode: str | None, max_draws: int
) -> dict[str, Limit]:
    """What each field has to respect, as far as it is known without the others.

    Args:
        card: The model; None if there is none of the name.
        registry: The models there are.
        mode: As asked for, whether there is such a mode or not.
        max_draws: Largest `n` and `n0`.
    """
    limits = {"model": {"supported": list(registry.ids())}, **_ranges(mode, max_draws)}
    return limits | ({} if card is None else {"sigma": {"supported": list(card.sigmas)}})


@lru_cache(maxsize=64)
def _ranges(mode: str | None, max_draws: int) -> Mapping[str, Limit]:
    modes = get_args(Mode)
    known = mode if mode in modes else DEFAULT_MODE
    least: dict[str, Any] = {"sigma": 1.0, "mode": known}
    if known == "decide":
        least["radius"] = LEAST_RADIUS
    return {
        "mode": {"supported": list(modes)},
        "numerics": {"supported": list(get_args(Numerics))},
        "bound": {"supported": list(get_args(Bound))},
        "n": {"minimum": accepted(least, "n", 1), "maximum": max_draws},
        "n0": {"minimum": 1, "maximum": max_draws},
        "alpha": {"minimum": MIN_ALPHA, "maximum": MAX_ALPHA},
        "precision": {"above": 0, "below": 1},
        "radius": {"above": 0},
        "family_size": {"minimum": 1},
        "priority": {"supported": list(get_args(Priority))},
    }


def fault(field: str, sent: str | None, detail: str, limit: Limit | None) -> FieldError:
    """A field whose text is wrong by itself.

    Args:
        field: Its name.
        sent: Its text; None where it is missing.
        detail: What is wrong.
        limit: What it has to respect.
    """
    return FieldError(
        field=field,
        value=None if sent is None else echo(sent),
        detail=detail,
        limit=limit,
        nearest=None if sent is None or limit is None else _nearest(sent, limit),
    )


def refused(
    error: InvalidParams, values: Mapping[str, Any], sent: Nearest, limit: Limit | None
) -> FieldError:
    """A field that does not go with the others.

    Args:
        error: The refusal.
        values: All that `SmoothingParams` was to be made of.
        sent: The value of the field, as asked for.
        limit: What it has to respect in any case.
    """
    field, nearest = error.field, error.nearest
    if nearest is not None:
        nearest = accepted(values, field, nearest)
        if limit is not None and "below" not in limit:  # else it is some value that would do
            limit = {**limit, "minimum" if values[field] < nearest else "maximum": nearest}
    missing = f"is required in mode {values['mode']}"
    return FieldError(
        field=field,
        value=sent,
        detail=missing if field == "radius" and sent is None else str(error),
        limit=limit,
        nearest=nearest,
    )


def accepted(values: Mapping[str, Any], field: str, value: float) -> int | float:
    """The value of a field, moved until no check of its range asks for another.

    Args:
        values: The other parameters.
        field: The field.
        value: Where to begin.
    """
    seen: set[int | float] = set()
    while value not in seen:
        seen.add(value)
        try:
            changed: dict[str, Any] = {**values, field: value}
            SmoothingParams(**changed)
        except InvalidParams as error:
            if error.field == field and error.nearest is not None:
                value = error.nearest
    return value


def _nearest(sent: str, limit: Limit) -> Nearest:
    supported = cast("list[Any]", limit.get("supported", []))
    number = _parsed(sent)
    if any(isinstance(choice, str) for choice in supported):
        return next(iter(difflib.get_close_matches(sent, supported, n=1)), None)
    if number is None:
        return None
    if supported:
        return min(supported, key=lambda choice: abs(choice - number))
    for side, beyond in (("minimum", number.__lt__), ("maximum", number.__gt__)):
        bound = cast("int | float | None", limit.get(side))
        if bound is not None and beyond(float(bound)):
            return bound
    return None


def _parsed(sent: str) -> float | None:
    try:
        number = float(sent)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
