"""The figures of an evaluation in the model's card, with the command that repeats them."""

import logging
import math
import shlex
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from model_store.card import dump_card, load_card
from model_store.evidence import Evaluation
from model_store.registry import CARD_FILE
from smoothing import SmoothingParams
from smoothing.digits import plain
from training.config import EvaluateConfig
from training.engine.disk import room_for
from training.errors import BadCheckpoint
from training.evaluation.subject import Subject
from training.evaluation.summary import Summary
from training.evaluation.table import Row
from training.hardware import describe_hardware

logger = logging.getLogger(__name__)

# More images than this are told by the first three and the last.
SHOWN = 4


def write_card(
    config: EvaluateConfig,
    data: Path,
    subject: Subject,
    rows: Sequence[Row],
    summary: Summary,
    *,
    runtimes: Collection[str] = (),
) -> None:
    """Puts the figures into the card of the store, in place of those of the same command.

    Raises:
        BadCheckpoint: The model was replaced by another since the evaluation began.
    """
    params = subject.params
    entry = Evaluation(
        sigma=params.sigma,
        n0=params.n0,
        n=params.n,
        alpha=params.alpha,
        numerics=params.numerics,
        images=_which(config, data, rows),
        num_images=summary.num_images,
        certified_accuracy=tuple((point.radius, point.accuracy) for point in summary.curve),
        abstention_rate=summary.abstention_rate,
        average_certified_radius=_floored(summary.average_certified_radius),
        radius_ceiling=summary.radius_ceiling or 0.0,
        command=portable_command(config, data, params),
        hardware="; ".join([describe_hardware(config.devices[0]), *sorted(filter(None, runtimes))]),
        duration_s=round(sum(row.time_s for row in rows) / config.num_workers, 1),
    )
    path = subject.directory / CARD_FILE
    card = load_card(path)  # again: another evaluation may have ended since this one began
    if card.weights != subject.card.weights:
        raise BadCheckpoint(
            f"{path} is of other weights by now than were evaluated: the figures are in the table"
        )
    others = tuple(each for each in card.evaluations if each.command != entry.command)
    with room_for(path, needed=path.stat().st_size):
        dump_card(replace(card, evaluations=(*others, entry)), path)
    logger.info("card: %s", path)


def portable_command(config: EvaluateConfig, data: Path, params: SmoothingParams) -> str:
    """The command that repeats an evaluation, naming no path of this machine."""
    folder = "data" if data.name == "data" else shlex.quote(f"data/{data.name}")
    words = [
        "python -m training evaluate",
        f"--model {config.model} --data {folder}",
        f"--source {config.source}" if config.source != "folder" else "",
        f"--stride {config.stride}",
        f"--start {config.start}" if config.start else "",
        f"--max-images {config.max_images}" if config.max_images is not None else "",
        f"--sigma {plain(params.sigma)} --n0 {params.n0} --n {params.n}",
        f"--alpha {plain(params.alpha)}",
        f"--numerics {params.numerics}",
    ]
    return " ".join(word for word in words if word)


def _which(config: EvaluateConfig, data: Path, rows: Sequence[Row]) -> str:
    order = "ImageFolder" if config.source == "folder" else f"torchvision {config.source} test"
    indices = [str(row.idx) for row in rows]
    if len(indices) > SHOWN:
        indices[SHOWN - 1 : -1] = ["..."]
    return f"{config.images or data.name}: {order} index {', '.join(indices)}"


def _floored(value: float) -> float:
    return math.floor(value * 1e6) / 1e6
