"""Certified accuracy of a model on a labelled data set, one table row an image."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from smoothing import SmoothingParams
from smoothing.accuracy import ceiling_of, radii_of
from smoothing.digits import plain
from training.config import EvaluateConfig
from training.errors import TableDiffers
from training.evaluation.card import write_card
from training.evaluation.certifying import PUBLIC_KEY, Certifier, Work
from training.evaluation.counts import Counts, certified_again, row_of
from training.evaluation.images import LabelledImage, choose_images
from training.evaluation.journal import Journal, counts_path, lock_path
from training.evaluation.plot import Curve, draw_curves
from training.evaluation.subject import (
    Subject,
    data_of,
    open_subject,
    told,
    warn_of_another_noise,
)
from training.evaluation.summary import Summary, steps, summarise
from training.evaluation.table import Row
from training.evaluation.workers import in_order
from training.locks import alone
from training.progress import reporting

logger = logging.getLogger(__name__)


def evaluate(config: EvaluateConfig) -> Summary:
    """Certifies the chosen images, or those still missing in the table, and sums up.

    Raises:
        BadConfig: The store does not have the model.
        BadCheckpoint: The run is no classifier.
        BadData: The data set does not fit the model, or an image cannot be decoded.
        InvalidParams: A parameter of the certificates is out of range.
        TableDiffers: The table belongs to another evaluation.
        InUse: Another process writes the table.
        WorkerFailed: A worker process died.
    """
    with open_subject(config) as subject:
        config, data = data_of(config)
        warn_of_another_noise(subject, config)
        images = choose_images(config, data, subject.card.labels)
        table = config.table or _default_table(config, subject.params, data)
        with alone(lock_path(table), doing=f"writing {table}", option="--table"):
            journal = Journal(table, _about(config, subject, data))
            _check_rows(table, journal, images, subject.params)
            _certify_missing(journal, images, config, subject)
        logger.info("table: %s", table)
        chosen = {image.index for image in images}
        rows = [row for row in journal.rows if row.idx in chosen]
        summary = _sum_up(rows, journal.counts, subject.params)
        if config.plot and subject.params.mode != "predict":
            _plot(table, rows, subject, summary)
        if config.write_card:
            runtimes = {counts.runtime for idx, counts in journal.counts.items() if idx in chosen}
            write_card(config, data, subject, rows, summary, runtimes=runtimes)
    return summary


def describe(summary: Summary, params: SmoothingParams) -> str:
    """The figures as lines for a terminal."""
    lines = [
        f"{summary.num_images} images, {_in_words(params)}",
        "radius  certified accuracy (exact 95 % interval over images)",
    ]
    lines += [
        f"{_two_digits_or_more(point.radius):>6}  {point.accuracy:.3f}  "
        f"({point.low:.3f} to {point.high:.3f})"
        for point in summary.curve
    ]
    lines.append(f"abstention rate {summary.abstention_rate:.3f}")
    if params.mode != "predict":
        lines.append(f"average certified radius {summary.average_certified_radius:.4f}")
    if summary.radius_ceiling is not None:
        lines.append(f"radius ceiling {summary.radius_ceiling:.6f}")
    if summary.mean_draws is not None:
        lines.append(f"mean draws {summary.mean_draws:.0f}")
    return "\n".join(lines)


def _two_digits_or_more(radius: float) -> str:
    return max(f"{radius:.2f}", plain(radius), key=len)


def _certify_missing(
    journal: Journal, images: Sequence[LabelledImage], config: EvaluateConfig, subject: Subject
) -> None:
    done = {row.idx for row in journal.rows}
    missing = [image for image in images if image.index not in done]
    for image in missing:  # a broken one is told now, not hours later
        image.decoded()
    several = config.num_workers > 1
    work = Work(
        card=subject.card,
        directory=subject.directory,
        params=subject.params,
        runtime=config.runtime,
        batch_size=config.batch_size,
        threads=config.threads or (1 if several else 0),
    )
    devices = [config.devices[at % len(config.devices)] for at in range(config.num_workers)]
    with (
        closing(in_order(missing, partial(Certifier, work), devices)) as certified,
        reporting("evaluate", len(images), start=len(images) - len(missing)) as report,
    ):
        for number, (row, counts) in enumerate(certified, start=len(images) - len(missing) + 1):
            journal.append(row, counts)
            right = sum(each.correct for each in journal.rows) / len(journal.rows)
            report(number, f"certified accuracy at r=0 {right:.3f}")


def _check_rows(
    table: Path, journal: Journal, images: Sequence[LabelledImage], params: SmoothingParams
) -> None:
    """Refuses rows of other images than there are now, or that their votes do not give."""
    chosen = {image.index: image for image in images}
    for number, row in enumerate(journal.rows, start=2):
        image, counts = chosen.get(row.idx), journal.counts.get(row.idx)
        if image is not None and image.label != row.label:
            raise TableDiffers(
                f"{table} line {number} has label {row.label} for image {row.idx}, the data set "
                f"{image.label}: the images were changed; choose another --table"
            )
        if counts is not None and _again(table, number, row, counts, params) != row:
            raise TableDiffers(
                f"{table} line {number} is not what the votes of image {row.idx} beside it give: "
                "one of them was changed; restore it, or choose another --table"
            )
        if image is not None and counts is not None and _is_another(image, counts):
            raise TableDiffers(
                f"{table} line {number} is of another image {row.idx} than the data set has now: "
                "the images were changed; restore them, or choose another --table"
            )


def _is_another(image: LabelledImage, counts: Counts) -> bool:
    """Whether the votes are told to be of another image; those of older tables do not tell."""
    return bool(counts.image_sha256) and counts.image_sha256 != image.sha256()


def _again(table: Path, number: int, row: Row, counts: Counts, params: SmoothingParams) -> Row:
    """The row that the votes give."""
    try:
        certificate = certified_again(counts, params)
    except ValueError as error:
        raise TableDiffers(
            f"{counts_path(table)} line {number - 1} cannot be read: {error}"
        ) from error
    return row_of(row.idx, row.label, certificate, row.time_s)


def _sum_up(rows: Sequence[Row], counts: Mapping[int, Counts], params: SmoothingParams) -> Summary:
    mean = sum(counts[row.idx].draws for row in rows) / len(rows) if counts else None
    ceiling = None if params.mode == "predict" else ceiling_of(params)
    return replace(summarise(rows, radii_of(params)), mean_draws=mean, radius_ceiling=ceiling)


def _plot(table: Path, rows: Sequence[Row], subject: Subject, summary: Summary) -> None:
    path = table.with_name(f"{table.name}.png")
    name = f"{subject.card.id}, {summary.num_images} images"
    curve = Curve(name=name, points=steps(rows), ceiling=summary.radius_ceiling)
    draw_curves([curve], path, title=_in_words(subject.params))
    logger.info("plot: %s", path)


def _in_words(params: SmoothingParams) -> str:
    return ", ".join(
        f"{name} {plain(value)}" if isinstance(value, float) else f"{name} {value}"
        for name, value in told(params).items()
    )


def _default_table(config: EvaluateConfig, params: SmoothingParams, data: Path) -> Path:
    mode = "" if params.mode == "fixed" else f"{params.mode}-"
    name = f"sigma{params.sigma:g}-{mode}n{params.n}-stride{config.stride}.tsv"
    if config.run is not None:
        return config.run / "evaluation" / f"{data.name}-{name}"
    return Path("runs/evaluations") / f"{config.model}-{name}"


def _about(config: EvaluateConfig, subject: Subject, data: Path) -> dict[str, str | float | int]:
    """What decides the rows. What only newer tables know is left out where it is the default."""
    kind = config.devices[0].partition(":")[0]
    precision = subject.card.weights.precision
    return {
        "model": subject.card.id,
        "weights_sha256": subject.card.weights.sha256,
        **({"precision": precision} if precision not in ("float32", "int8") else {}),
        "data": data.name,
        **({"source": config.source} if config.source != "folder" else {}),
        "stride": config.stride,
        **({"start": config.start} if config.start else {}),
        **told(subject.params),
        **({"device": kind} if kind != "cpu" else {}),  # it draws by another rounding
        "noise_key": PUBLIC_KEY,
    }
