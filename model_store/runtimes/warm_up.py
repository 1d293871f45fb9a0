"""Batch size, streams and threads, by a short measurement that is kept for the machine."""

import hashlib
import json
import os
import platform
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor

from model_store.runtimes.checks import logits_of, probe
from model_store.runtimes.contract import Kind, Runtime, Settings
from model_store.whole_file import replace_file

WORTH_MORE_ROWS = 1.05
"""A larger batch must be this much faster: smaller ones share better and waste less."""

_MEASURE_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Settings, and the rows a second that were measured with them."""

    settings: Settings
    draws_per_s: float


def measure(runtime: Runtime, *, size: int, seconds: float = _MEASURE_S) -> float:
    """Rows a second of the bare forward pass, after a first batch.

    Args:
        runtime: What to measure.
        size: Side of an image.
        seconds: For how long, at least; every stream runs a batch in any case.
    """
    rows = probe(size, runtime.batch_size).to(runtime.device)
    runtime.start(rows)().cpu()
    under_way: deque[Callable[[], Tensor]] = deque()
    batches, begun = 0, perf_counter()
    while batches < runtime.depth or perf_counter() - begun < seconds:
        under_way.append(runtime.start(rows))
        batches += 1
        if len(under_way) >= runtime.depth:
            under_way.popleft()().cpu()
    while under_way:
        under_way.popleft()().cpu()
    return batches * runtime.batch_size / (perf_counter() - begun)


def choose(kind: Kind, candidates: Sequence[Settings], *, size: int, seconds: float) -> Choice:
    """Measure candidates in their order for as long as the time lasts.

    One that gives other logits than the first, by as little as a bit, is left out: which machine
    draws must not decide a vote.
    """
    begun, cost, best = perf_counter(), 0.0, None
    rows, expected = probe(size), None
    for settings in candidates:
        started = perf_counter()
        if best is not None and started - begun + cost > seconds:
            break
        runtime = kind.open(settings)
        logits = logits_of(runtime, rows)
        expected = logits if expected is None else expected
        if torch.equal(logits, expected):
            speed = measure(runtime, size=size)
            best = _better(best, Choice(settings=settings, draws_per_s=speed))
        cost = perf_counter() - started
    if best is None:
        raise ValueError("at least one candidate is needed")
    return best


def _better(best: Choice | None, other: Choice) -> Choice:
    if best is None:
        return other
    larger = other.settings.batch_size > best.settings.batch_size
    smaller = other.settings.batch_size < best.settings.batch_size
    factor = WORTH_MORE_ROWS if larger else 1 / WORTH_MORE_ROWS if smaller else 1.0
    return other if other.draws_per_s > best.draws_per_s * factor else best


class WarmUpCache:
    """Choices kept in a folder, one small file each; a damaged one is measured again.

    Args:
        folder: Made when something is kept.
        subject: All that a choice depends on besides the machine.
    """

    def __init__(self, folder: Path, subject: Mapping[str, object]) -> None:
        text = json.dumps({**subject, "machine": describe_processor()}, sort_keys=True)
        self._path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"

    def read(self) -> Choice | None:
        """What was kept, if it is of use."""
        try:
            kept = json.loads(self._path.read_bytes())
            settings = Settings(**{name: int(kept["settings"][name]) for name in kept["settings"]})
            choice = Choice(settings=settings, draws_per_s=float(kept["draws_per_s"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return choice if min(asdict(settings).values()) >= 1 else None

    def write(self, choice: Choice) -> None:
        """Keep a choice; without room or right to write, it is measured again next time."""
        text = json.dumps(
            {"settings": asdict(choice.settings), "draws_per_s": round(choice.draws_per_s, 1)}
        )
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._path, text.encode())
        except OSError:
            return


def describe_processor() -> str:
    """The processor and what it can do, as far as that decides speed."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    told = sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))})
    digest = hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no gpu"
    return f"{platform.machine()} {os.cpu_count()} {digest} {gpu}"
