"""What a runtime is, what is said of it, and what a caller may wish."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from model_store.card import Precision


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a runtime is set up. None of it may change a logit.

    Attributes:
        batch_size: Rows of every batch.
        streams: Batches computed at once.
        threads: Of all streams together.
    """

    batch_size: int
    streams: int = 1
    threads: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeInfo:
    """What a certificate and a log say of a runtime.

    Attributes:
        name: "eager", "compiled", "cuda" or "openvino".
        precision: Of the network; the card's.
        device: Where it runs.
        settings: Batch size, streams and threads.
        versions: Of what computes, by name.
        draws_per_s: Rows a second of the bare forward pass, where they were measured.
    """

    name: str
    precision: Precision
    device: str
    settings: Settings
    versions: Mapping[str, str]
    draws_per_s: float | None = None

    @property
    def summary(self) -> str:
        """One line, such as "openvino 2026.4.0, float32, 2 streams of 32 rows, 2 threads"."""
        version = self.versions.get("openvino") or self.versions.get("torch", "")
        at_once = f"{self.settings.streams} streams of " if self.settings.streams > 1 else ""
        return (
            f"{self.name} {version}, {self.precision}, {at_once}{self.settings.batch_size} rows, "
            f"{self.settings.threads} threads"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a caller wants; what is left out is chosen.

    Attributes:
        name: Of the runtime; "auto" for the best of the device.
        device: As torch names it.
        batch_size: Rows of every batch; measured if None.
        streams: Batches at once; measured if None.
        threads: Of all streams together; as many as torch uses if None.
        cache: Folder that keeps what was measured on this machine; nothing is kept if None.
        warm_up_s: Seconds to measure for.
    """

    name: str = "auto"
    device: str = "cpu"
    batch_size: int | None = None
    streams: int | None = None
    threads: int | None = None
    cache: Path | None = None
    warm_up_s: float = 2.0


class Runtime(Protocol):
    """Runs a network on batches of one static shape.

    What draws takes any object of this form, by a protocol of its own: neither room imports the
    other.

    Attributes:
        batch_size: Rows of every batch.
        depth: Batches that are worth having under way at once.
        device: Where it takes its rows.
    """

    batch_size: int
    depth: int
    device: torch.device

    def start(self, rows: Tensor) -> Callable[[], Tensor]:
        """Start a batch.

        Args:
            rows: Shape (batch, 3, size, size), noisy pixels; may be overwritten after the call.

        Returns:
            Waits for the logits, shape (batch, classes), float32; to be called once. Those of an
            accelerator may be on their way still, in the order of its stream.
        """
        ...


class Kind(Protocol):
    """A network made ready for one runtime, not yet set up."""

    @property
    def name(self) -> str:
        """Of the runtime."""
        ...

    @property
    def versions(self) -> Mapping[str, str]:
        """Of what computes, by name."""
        ...

    def candidates(self, threads: int) -> Sequence[Settings]:
        """Settings worth measuring; the first is the one that all others must agree with."""
        ...

    def open(self, settings: Settings) -> Runtime:
        """Set it up."""
        ...
