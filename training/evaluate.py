"""Certified accuracy of a model on a labelled image folder, one table row an image."""

import hashlib
import logging
import math
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue

import torch

from model_store.card import ModelCard, dump_card
from model_store.classifier import load_classifier
from model_store.decoding import decode
from model_store.evidence import Evaluation
from model_store.preprocessing import prepare
from model_store.registry import BUNDLED, CARD_FILE, Registry
from smoothing.bounds import radius_ceiling
from smoothing.certificate import TOTAL_VARIATION, Certificate, SmoothingParams
from smoothing.sampler import Sampler, certify
from training.config import EvaluateConfig
from training.data import list_images
from training.errors import BadData
from training.evaluation.summary import Summary, summarise
from training.evaluation.table import Row, append, open_table
from training.hardware import describe_hardware
from training.progress import reporting

logger = logging.getLogger(__name__)

PUBLIC_KEY = "dmae-certify/evaluate/1"


def noise_key(index: int) -> bytes:
    """Key of the noise for the image at an index: public, so that anybody gets the same figures.

    A secret key is what keeps an uploader from choosing an image to suit the noise. Here nobody
    chooses: the images were fixed long before this string, and the string is not searched over.
    So the draws are as good as fresh ones, and the figures are exactly repeatable.
    """
    return hashlib.sha256(f"{PUBLIC_KEY}/{index}".encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledImage:
    """An image file, its place in ImageFolder order and its class."""

    index: int
    path: Path
    label: int


def choose_images(
    folder: Path, labels: Sequence[str], *, stride: int, max_images: int | None
) -> list[LabelledImage]:
    """Every `stride`-th image of a folder; classes are matched to the labels by name.

    Raises:
        BadData: See `list_images`; or a class is not one of the labels.
    """
    listed = list_images(folder)
    strangers = sorted({name for _, _, name in listed} - set(labels))
    if strangers:
        raise BadData(f"{folder} has classes the model does not know: {', '.join(strangers)}")
    chosen = [
        LabelledImage(index=index, path=path, label=labels.index(name))
        for index, (path, _, name) in enumerate(listed)
        if index % stride == 0
    ]
    return chosen[:max_images]


def evaluate(config: EvaluateConfig) -> Summary:
    """Certifies the chosen images, or those still missing in the table, and sums up.

    Raises:
        ModelNotFound: The store does not have the model.
        BadData: The folder does not fit the model.
        InvalidParams: A parameter of the certificates is out of range.
        TableDiffers: The table belongs to another evaluation.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    registry = Registry(config.store or BUNDLED)
    card, params = registry.get(config.model), params_of(config)
    chosen = choose_images(
        config.data, card.labels, stride=config.stride, max_images=config.max_images
    )
    table = config.table or _default_table(config, params)
    rows = open_table(table, _subject(config, card, params))
    done = {row.idx for row in rows}
    missing = [image for image in chosen if image.index not in done]
    with (
        closing(_certified(missing, config, card, registry.path(card.id))) as certified,
        reporting("evaluate", len(chosen), start=len(rows)) as report,
    ):
        for row in certified:
            rows.append(row)
            append(table, row)
            right = sum(each.correct for each in rows)
            report(len(rows), f"certified accuracy at r=0 {right / len(rows):.3f}")
    logger.info("table: %s", table)
    if config.write_card:
        _write_card(config, card, params, rows, registry.path(card.id) / CARD_FILE)
    return summarise(rows)


def describe(summary: Summary, params: SmoothingParams) -> str:
    """The figures as lines for a terminal."""
    lines = [
        f"{summary.num_images} images, {_in_words(params)}",
        "radius  certified accuracy (exact 95 % interval over images)",
    ]
    lines += [
        f"{point.radius:6.2f}  {point.accuracy:.3f}  ({point.low:.3f} to {point.high:.3f})"
        for point in summary.curve
    ]
    lines += [
        f"abstention rate {summary.abstention_rate:.3f}",
        f"average certified radius {summary.average_certified_radius:.4f}",
        f"radius ceiling {_ceiling(params):.6f}",
    ]
    return "\n".join(lines)


def _in_words(params: SmoothingParams) -> str:
    return (
        f"sigma {params.sigma:g}, n0 {params.n0}, n {params.n}, alpha {params.alpha:g}, "
        f"numerics {params.numerics}"
    )


def params_of(config: EvaluateConfig) -> SmoothingParams:
    """Parameters of the certificates of an evaluation."""
    card = Registry(config.store or BUNDLED).get(config.model)
    return SmoothingParams(
        sigma=config.sigma if config.sigma is not None else card.sigmas[0],
        n0=config.n0,
        n=config.n,
        alpha=config.alpha,
        numerics=config.numerics,
    )


def portable_command(config: EvaluateConfig, params: SmoothingParams) -> str:
    """The command that repeats an evaluation, naming no path of this machine."""
    words = [
        "python -m training evaluate",
        f"--model {config.model} --data data/{config.data.name} --stride {config.stride}",
        f"--max-images {config.max_images}" if config.max_images is not None else "",
        f"--sigma {params.sigma:g} --n0 {params.n0} --n {params.n} --alpha {params.alpha:g}",
        f"--numerics {params.numerics}",
    ]
    return " ".join(word for word in words if word)


def _certified(
    images: Sequence[LabelledImage], config: EvaluateConfig, card: ModelCard, directory: Path
) -> Generator[Row, None, None]:
    """The rows of the images, in their order, by one or more workers."""
    params = params_of(config)
    idle: SimpleQueue[Sampler] = SimpleQueue()
    for _ in range(config.workers):
        idle.put(_sampler(config, card, directory))

    def certify_one(image: LabelledImage) -> Row:
        sampler = idle.get()
        try:
            return _certify_image(image, sampler, card, params)
        finally:
            idle.put(sampler)

    if config.workers == 1:
        yield from map(certify_one, images)
        return
    pool = ThreadPoolExecutor(config.workers, initializer=torch.set_num_threads, initargs=(1,))
    try:
        yield from pool.map(certify_one, images)
    finally:
        pool.shutdown(cancel_futures=True)


def _sampler(config: EvaluateConfig, card: ModelCard, directory: Path) -> Sampler:
    size = card.preprocessing.size
    return Sampler(
        load_classifier(card, directory, device=config.device),
        num_classes=card.num_classes,
        input_shape=(3, size, size),
        batch_size=config.batch_size,
        device=config.device,
    )


def _certify_image(
    image: LabelledImage, sampler: Sampler, card: ModelCard, params: SmoothingParams
) -> Row:
    began = time.perf_counter()
    prepared = prepare(decode(image.path.read_bytes()), card.preprocessing)
    certificate = certify(sampler, prepared.tensor, key=noise_key(image.index), params=params)
    return _row(image, certificate, time.perf_counter() - began)


def _row(image: LabelledImage, certificate: Certificate, seconds: float) -> Row:
    predicted = -1 if certificate.predicted is None else certificate.predicted
    return Row(
        idx=image.index,
        label=image.label,
        predict=predicted,
        radius=certificate.radius,
        correct=predicted == image.label,
        time_s=seconds,
    )


def _ceiling(params: SmoothingParams) -> float:
    return radius_ceiling(
        params.n,
        alpha=params.alpha,
        sigma=params.sigma,
        total_variation=TOTAL_VARIATION[params.numerics],
    )


def _default_table(config: EvaluateConfig, params: SmoothingParams) -> Path:
    name = f"{config.model}-sigma{params.sigma:g}-n{params.n}-stride{config.stride}.tsv"
    return Path("runs/evaluations") / name


def _subject(
    config: EvaluateConfig, card: ModelCard, params: SmoothingParams
) -> dict[str, str | float | int]:
    return {
        "model": card.id,
        "weights_sha256": card.weights.sha256,
        "data": config.data.name,
        "stride": config.stride,
        "sigma": params.sigma,
        "n0": params.n0,
        "n": params.n,
        "alpha": params.alpha,
        "numerics": params.numerics,
        "noise_key": PUBLIC_KEY,
    }


def _write_card(
    config: EvaluateConfig,
    card: ModelCard,
    params: SmoothingParams,
    rows: Sequence[Row],
    path: Path,
) -> None:
    summary = summarise(rows)
    entry = Evaluation(
        sigma=params.sigma,
        n0=params.n0,
        n=params.n,
        alpha=params.alpha,
        numerics=params.numerics,
        images=(
            f"{config.images or config.data.name}: ImageFolder index 0, {config.stride}, "
            f"{2 * config.stride}, ..., {rows[-1].idx}"
        ),
        num_images=summary.num_images,
        certified_accuracy=tuple((point.radius, point.accuracy) for point in summary.curve),
        abstention_rate=summary.abstention_rate,
        average_certified_radius=_floored(summary.average_certified_radius),
        radius_ceiling=_ceiling(params),
        command=portable_command(config, params),
        hardware=describe_hardware(config.device),
        duration_s=round(sum(row.time_s for row in rows) / config.workers, 1),
    )
    others = tuple(each for each in card.evaluations if each.command != entry.command)
    dump_card(replace(card, evaluations=(*others, entry)), path)
    logger.info("card: %s", path)


def _floored(value: float) -> float:
    return math.floor(value * 1e6) / 1e6
