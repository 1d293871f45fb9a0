"""What a file does not say about its weights: taken from its args, from the user, or asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from model_store.card import Architecture
from training.config import (
    OBJECTIVES,
    CorruptionConfig,
    DataConfig,
    DecoderConfig,
    FinetuneConfig,
    ImportConfig,
    LoopConfig,
    PretrainConfig,
)
from training.config.data import (
    CIFAR10_MEAN,
    CIFAR10_STD,
    CIFAR100_MEAN,
    CIFAR100_STD,
    IMAGENET_MEAN,
    IMAGENET_STD,
)
from training.errors import BadCheckpoint, BadConfig
from training.exchange.files import ForeignFile
from training.exchange.layouts import Layout
from training.exchange.ledger import Ledger

T = TypeVar("T")
Triple = tuple[float, float, float]
Normalisation = tuple[Triple, Triple]

NORMALISATIONS: Mapping[str, Normalisation] = {
    "cifar10": (CIFAR10_MEAN, CIFAR10_STD),
    "cifar100": (CIFAR100_MEAN, CIFAR100_STD),
    "imagenet": (IMAGENET_MEAN, IMAGENET_STD),
    "inception": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}
# CIFAR's own side: a larger network enlarges its images, after the noise or before it.
CIFAR_SIZE = 32
# No shape tells the heads; these are the ones of DeiT, MAE and DMAE.
HEADS = {192: 3, 384: 6, 768: 12, 1024: 16, 1280: 16}
DECODER_HEADS = {512: 16}
HINTS = {10: "; 10 classes suggest cifar10", 1000: "; 1000 classes suggest imagenet"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A checkpoint with all that has to be known of it.

    Attributes:
        config: That of a run which could have written it.
        classes: Name of each class; none for a pre-training.
        objective: What a pre-training was trained for; empty for a classifier.
        lines: Where each fact is from.
    """

    config: FinetuneConfig | PretrainConfig
    classes: tuple[str, ...] = ()
    objective: str = ""
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """What the user says, what the file says, what its tensors show, and what came of it."""

    config: ImportConfig
    file: ForeignFile
    layout: Layout
    ledger: Ledger


def describe(config: ImportConfig, file: ForeignFile, layout: Layout) -> Described:
    """Everything that has to be known of a recognised file.

    Raises:
        BadConfig: Something is missing, or what the user says contradicts the file.
        BadCheckpoint: The file contradicts itself.
    """
    case = _Case(config=config, file=file, layout=layout, ledger=Ledger())
    return _classifier(case) if layout.kind == "classifier" else _pretraining(case)


def _classifier(case: _Case) -> Described:
    _check_args(case)
    sigma = _sigma(case, "noise it was trained under, in [0, 1] pixels")
    heads = _heads(case)
    normalisation = _normalisation(case)
    size = _size(case, normalisation)
    classes = _classes(case)
    case.ledger.demand()
    if len(classes) != case.layout.num_classes:
        raise BadConfig(
            f"--labels has {len(classes)} classes, the file's head has {case.layout.num_classes}"
        )
    mean, std = normalisation
    return Described(
        config=FinetuneConfig(
            architecture=_architecture(case.layout, heads),
            data=DataConfig(mean=mean, std=std, size=size),
            loop=LoopConfig(steps=1),
            sigma=sigma,
        ),
        classes=classes,
        lines=tuple(case.ledger.lines),
    )


def _pretraining(case: _Case) -> Described:
    objective = case.ledger.settle(
        "objective",
        case.config.objective,
        found=_named_objective(case.file),
        ask="dmae, mae or nim; other for an encoder from elsewhere",
    )
    corruption = _corruption(case, objective)
    heads, decoder_heads = _heads(case), _decoder_heads(case)
    normalisation = _normalisation(case)
    case.ledger.demand()
    mean, std = normalisation
    return Described(
        config=PretrainConfig(
            architecture=_architecture(case.layout, heads),
            decoder=_decoder(case.layout, decoder_heads),
            data=DataConfig(mean=mean, std=std),
            loop=LoopConfig(steps=1),
            corruption=corruption,
        ),
        objective=objective,
        lines=tuple(case.ledger.lines),
    )


def _check_args(case: _Case) -> None:
    """Refuses args that contradict the tensors."""
    layout, classes = case.layout, case.file.count("nb_classes")
    if classes not in {None, layout.num_classes}:
        raise BadCheckpoint(f"its args say nb_classes {classes}, its head has {layout.num_classes}")
    pool = case.file.flag("global_pool")
    if pool not in {None, layout.global_pool == "avg"}:
        raise BadCheckpoint(f"its args say global_pool {pool}, but it is a {layout}")


def _architecture(layout: Layout, heads: int) -> Architecture:
    return Architecture(
        image_size=layout.image_size,
        patch_size=layout.patch_size,
        embed_dim=layout.embed_dim,
        depth=layout.depth,
        num_heads=heads,
        mlp_ratio=layout.mlp_ratio,
        global_pool=layout.global_pool if layout.kind == "classifier" else "avg",
    )


def _sigma(case: _Case, ask: str) -> float:
    return case.ledger.settle("sigma", case.config.sigma, found=case.file.number("sigma"), ask=ask)


def _heads(case: _Case) -> int:
    width = case.layout.embed_dim
    return case.ledger.settle(
        "num-heads",
        case.config.num_heads,
        found=case.file.count("num_heads"),
        assumed=HEADS.get(width),
        ask=f"attention heads; there is no usual number for width {width}",
    )


def _decoder_heads(case: _Case) -> int:
    width = case.layout.decoder_dim
    if case.layout.kind == "encoder":
        return DecoderConfig().num_heads
    return case.ledger.settle(
        "decoder-num-heads",
        case.config.decoder_num_heads,
        found=case.file.count("decoder_num_heads"),
        assumed=DECODER_HEADS.get(width),
        ask=f"the decoder's attention heads; there is no usual number for width {width}",
    )


def _decoder(layout: Layout, heads: int) -> DecoderConfig:
    if layout.kind == "encoder":
        return DecoderConfig()
    return DecoderConfig(embed_dim=layout.decoder_dim, depth=layout.decoder_depth, num_heads=heads)


def _normalisation(case: _Case) -> Normalisation:
    config, args = case.config, case.file.args
    stated = (config.mean, config.std) if config.mean and config.std else None
    mean, std = _triple(args.get("mean")), _triple(args.get("std"))
    return case.ledger.settle(
        "normalisation",
        NORMALISATIONS[config.normalisation] if config.normalisation else stated,
        found=(mean, std) if mean and std else None,
        ask=f"mean and std: {', '.join(NORMALISATIONS)}, or --mean and --std"
        f"{HINTS.get(case.layout.num_classes, '')}",
    )


def _size(case: _Case, normalisation: Normalisation) -> int:
    side = case.layout.image_size
    named = (NORMALISATIONS["cifar10"], NORMALISATIONS["cifar100"])
    enlarges = normalisation in named and side != CIFAR_SIZE
    return case.ledger.settle(
        "size",
        case.config.size,
        found=case.file.count("size"),
        assumed=None if enlarges else side,
        ask=f"side of the images that noise is added to: {CIFAR_SIZE} if they are enlarged to "
        f"the network's {side} after the noise, {side} if before",
    )


def _classes(case: _Case) -> tuple[str, ...]:
    count, found = case.layout.num_classes, case.file.args.get("labels")
    return case.ledger.settle(
        "labels",
        _read_labels(case.config.labels) if case.config.labels else None,
        found=tuple(map(str, found)) if isinstance(found, list | tuple) else None,
        ask=f"a file with the names of the {count} classes, one a line, or {count}",
    )


def _read_labels(text: str) -> tuple[str, ...]:
    if text.isdecimal():
        return tuple(f"class {number}" for number in range(int(text)))
    try:
        lines = Path(text).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"--labels {text} is neither a number nor a text file: {error}") from error
    return tuple(line.strip() for line in lines if line.strip())


def _named_objective(file: ForeignFile) -> Any:
    """By our own name for it, or by the official one of the network, such as mae_vit_base."""
    name = file.text("objective") or (file.text("model") or "").split("_")[0]
    return name if name in OBJECTIVES else None


def _corruption(case: _Case, objective: str | None) -> CorruptionConfig:
    """What the pre-training was shown; where no one says, it is as published."""
    if case.config.sigma is not None and objective not in {None, "dmae"}:
        raise BadConfig(f"--sigma goes with --objective dmae, not with {objective}")
    if objective == "other" and case.layout.kind == "autoencoder":
        raise BadConfig("--objective other is for encoders; this file has a decoder as well")
    published = OBJECTIVES.get(objective or "")
    if published is None:  # not told apart further: an encoder is not trained on
        return OBJECTIVES["mae"]
    if objective == "dmae":
        sigma = _sigma(case, "noise of the pre-training, in [0, 1] pixels; 0.25 as published")
        published = replace(published, sigma=sigma or 0.0)
    return replace(
        published,
        mask_ratio=_published(case, "mask_ratio", case.file.number, published.mask_ratio),
        norm_pix=_published(case, "norm_pix_loss", case.file.flag, published.norm_pix),
    )


def _published(case: _Case, name: str, said: Callable[[str], T | None], published: T) -> T:
    return case.ledger.settle(name, None, found=said(name), assumed=published)


def _triple(value: Any) -> Triple | None:
    if not isinstance(value, list | tuple) or len(value) != 3:
        return None
    first, second, third = value
    return (first, second, third) if all(isinstance(each, float) for each in value) else None
