"""A model takes its place in a store: its weights, and then the card that makes them the model.

The weights that are there keep their name until the new card is there. So whenever an export is
killed the store has the former model or the new one, whole; a service reads cards as they change.
"""

import logging
from dataclasses import replace
from pathlib import Path

from model_store.card import ModelCard, dump_card, load_card
from model_store.errors import CardInvalid
from model_store.evidence import Evaluation
from model_store.registry import CARD_FILE
from training.engine.disk import room_for

logger = logging.getLogger(__name__)

WEIGHTS_FILE = "weights.safetensors"
NEW_WEIGHTS = "new.safetensors"  # until they are whole
CARD_BYTES = 2**14  # about what a card takes
DIGITS = 12  # of the digest, in the name of weights that replace others


def name_weights(card: ModelCard, target: Path) -> ModelCard:
    """Gives new weights a name that the card there does not have; the card with that name.

    So that the model that is there is whole until the new card takes its place, whenever this
    process is killed.

    Args:
        card: Of the weights, which are in `NEW_WEIGHTS`.
        target: Directory of the model.
    """
    there, ours = _card_at(target / CARD_FILE), card.weights.sha256
    name = WEIGHTS_FILE
    if there is not None and there.weights.sha256 == ours:
        name = there.weights.file
    elif there is not None and there.weights.file == WEIGHTS_FILE:
        name = f"weights-{ours[:DIGITS]}.safetensors"
    (target / NEW_WEIGHTS).replace(target / name)
    return replace(card, weights=replace(card.weights, file=name))


def put_card(card: ModelCard, target: Path) -> ModelCard:
    """Makes the weights that are there the model, with the figures measured of them before.

    Raises:
        DiskFull: There is no room.
    """
    path = target / CARD_FILE
    card = replace(card, evaluations=_measured_before(card, path))
    with room_for(path, needed=CARD_BYTES):
        dump_card(card, path)
    for former in (target / WEIGHTS_FILE, *target.glob(f"weights-{'?' * DIGITS}.safetensors")):
        if former.name != card.weights.file:
            former.unlink(missing_ok=True)
    return card


def _card_at(path: Path) -> ModelCard | None:
    """The card that is there; None where there is none, or one that nobody could read."""
    try:
        return load_card(path)
    except CardInvalid:
        return None


def _measured_before(card: ModelCard, path: Path) -> tuple[Evaluation, ...]:
    """Figures on the card that is there, where it is of the same classifier."""
    there = _card_at(path)
    if there is None:
        return ()
    same = all(
        getattr(there, name) == getattr(card, name)
        for name in ("architecture", "labels", "preprocessing", "weights")
    )
    if not same:
        logger.warning(
            "%s held another classifier, which is replaced, figures and all", path.parent
        )
    return there.evaluations if same else ()
