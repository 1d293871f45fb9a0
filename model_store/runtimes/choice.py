"""Which runtime a card gets on this machine, and what happened where it is not the best one."""

import logging
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from model_store import checkpoint
from model_store.card import ModelCard
from model_store.classifier import load_classifier, load_plain
from model_store.errors import ModelStoreError, RuntimeFault, RuntimeRefused
from model_store.runtimes import openvino
from model_store.runtimes.checks import PROBE_ROWS, check_agrees, check_rows, logits_of, probe
from model_store.runtimes.compiled import CompiledKind
from model_store.runtimes.contract import Kind, Runtime, RuntimeInfo, Settings, Wishes
from model_store.runtimes.cuda import CudaKind
from model_store.runtimes.eager import EagerKind, EagerRuntime
from model_store.runtimes.warm_up import Choice, WarmUpCache, choose

logger = logging.getLogger(__name__)

RUNTIMES = ("auto", "eager", "compiled", "cuda", "openvino")
"""Names that a caller may wish for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """Why eager torch stands in for another runtime.

    Attributes:
        wanted: Name of the runtime that was refused.
        reason: "missing", "failed" (to start), "coupled" (rows), or "disagrees" (with eager).
        detail: For a person.
    """

    wanted: str
    reason: RuntimeFault
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A runtime that passed its checks.

    Attributes:
        runtime: Ready to run.
        info: What it is, for a certificate and the log.
        fallback: Why it is not the wanted one; None if it is.
    """

    runtime: Runtime
    info: RuntimeInfo
    fallback: Fallback | None = None


def open_runtime(card: ModelCard, directory: Path, wishes: Wishes | None = None) -> Opened:
    """The best runtime of a card on a device, or eager torch with the reason.

    A runtime is used only if it computes the card's function in the card's precision, within
    `checks.TOLERANCES` of eager torch, and each row by itself to the last bit.

    Args:
        card: What to run.
        directory: Where its weights file is.
        wishes: Which runtime, where and how; all is chosen if None.

    Raises:
        ValueError: There is no runtime of that name.
        RuntimeRefused: The card is quantised, and OpenVINO cannot run it here; nothing stands in,
            since eager torch would be another function.
        CheckpointInvalid: The weights are not of the card's network.
        DigestMismatch: The weights are not the card's.
    """
    wishes = wishes or Wishes()
    if wishes.name not in RUNTIMES:
        raise ValueError(f"runtime must be one of {', '.join(RUNTIMES)}, got {wishes.name!r}")
    name = _preferred(card, wishes)
    fallback = None
    if name != "eager":
        try:
            return _opened(card, directory, name, wishes)
        except RuntimeRefused as error:
            if card.weights.precision == "int8":
                raise
            fallback = Fallback(wanted=name, reason=error.reason, detail=str(error))
            logger.warning(
                "runtime refused, eager torch stands in",
                extra={"model": card.id, "wanted": name, "reason": error.reason},
            )
    return replace(_opened(card, directory, "eager", wishes), fallback=fallback)


def _preferred(card: ModelCard, wishes: Wishes) -> str:
    if card.weights.precision == "int8":
        return "openvino"
    if wishes.name != "auto":
        return wishes.name
    return "cuda" if torch.device(wishes.device).type == "cuda" else "openvino"


def _opened(card: ModelCard, directory: Path, name: str, wishes: Wishes) -> Opened:
    device, size = torch.device(wishes.device), card.preprocessing.size
    try:
        kind, expected = _prepare(card, directory, name, device)
        choice = _choice(kind, card, wishes)
        runtime = kind.open(choice.settings)
        if name != "eager":
            check_rows(runtime, size=size)
            check_agrees(runtime, expected, size=size, precision=card.weights.precision)
    except ModelStoreError:
        raise
    except Exception as error:
        if name == "eager":
            raise
        # A compiler of others may raise anything.
        raise RuntimeRefused(f"{name} failed: {error}"[:500], reason="failed") from error
    info = RuntimeInfo(
        name=name,
        precision=card.weights.precision,
        device=str(device),
        settings=choice.settings,
        versions=kind.versions,
        draws_per_s=choice.draws_per_s or None,
    )
    logger.info("runtime: %s", info.summary, extra={"model": card.id})
    return Opened(runtime=runtime, info=info)


def _prepare(
    card: ModelCard, directory: Path, name: str, device: torch.device
) -> tuple[Kind, Tensor]:
    """The kind, and what its logits of the probe must be."""
    if name == "openvino":
        if find_spec("openvino") is None:
            raise RuntimeRefused("openvino is not installed", reason="missing")
        if device.type != "cpu":
            raise RuntimeRefused(f"openvino is for the CPU, not {device}", reason="failed")
        return _prepare_openvino(card, directory)
    if name == "cuda" and not (device.type == "cuda" and torch.cuda.is_available()):
        raise RuntimeRefused(f"no CUDA on device {device}", reason="missing")
    if name == "eager":
        eager = load_classifier(card, directory, device=str(device))
        return EagerKind(eager, device), torch.empty(0)
    plain = load_plain(card, directory).to(device)
    if card.weights.precision == "bfloat16":
        plain.network.to(torch.bfloat16)
    kind = CudaKind(plain, device) if name == "cuda" else CompiledKind(plain, device)
    return kind, _eager_logits(card, directory, device)


def _prepare_openvino(card: ModelCard, directory: Path) -> tuple[Kind, Tensor]:
    size, precision = card.preprocessing.size, card.weights.precision
    if precision == "int8":
        tensors = checkpoint.load(directory / card.weights.file, card.weights.sha256)
        model, expected = openvino.unpacked(tensors), tensors["logits"]
    else:
        model = openvino.converted(load_plain(card, directory))
        expected = _eager_logits(card, directory, torch.device("cpu"))
    return openvino.OpenVinoKind(model, size=size, precision=precision), expected


def _eager_logits(card: ModelCard, directory: Path, device: torch.device) -> Tensor:
    classifier = load_classifier(card, directory, device=str(device))
    oracle = EagerRuntime(classifier, PROBE_ROWS, device)
    return logits_of(oracle, probe(card.preprocessing.size))


def _choice(kind: Kind, card: ModelCard, wishes: Wishes) -> Choice:
    """The settings to use: wished, kept or measured."""
    threads = wishes.threads or torch.get_num_threads()
    candidates = [_wished(settings, wishes) for settings in kind.candidates(threads)]
    candidates = list(dict.fromkeys(candidates))
    if len(candidates) == 1:
        return Choice(settings=candidates[0], draws_per_s=0.0)
    subject = {
        "runtime": kind.name,
        "weights": card.weights.sha256,
        "precision": card.weights.precision,
        "architecture": asdict(card.architecture),
        "size": card.preprocessing.size,
        "versions": dict(kind.versions),
        "candidates": [asdict(settings) for settings in candidates],
    }
    cache = WarmUpCache(wishes.cache, subject) if wishes.cache else None
    kept = cache.read() if cache else None
    if kept is not None and kept.settings in candidates:
        return kept
    choice = choose(kind, candidates, size=card.preprocessing.size, seconds=wishes.warm_up_s)
    if cache:
        cache.write(choice)
    return choice


def _wished(settings: Settings, wishes: Wishes) -> Settings:
    threads = settings.threads
    streams = min(wishes.streams or settings.streams, threads)
    return replace(settings, batch_size=wishes.batch_size or settings.batch_size, streams=streams)
