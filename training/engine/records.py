"""What a run writes down: losses.csv, validation.jsonl, and both as TensorBoard scalars.

A resumed run first drops what was written after the checkpoint that it starts from, so every step
is recorded once.
"""

import csv
import io
import json
from collections.abc import Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path

from training.engine.board import Board
from training.engine.disk import room_for, write_whole

LOSSES, VALIDATION, TENSORBOARD = "losses.csv", "validation.jsonl", "tensorboard"
COLUMNS = ("step", "loss", "lr_scale", "gradient_norm", "images_per_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Figures of a step.

    Attributes:
        step: Steps done.
        loss: Of the step's batch, with the weights before it.
        lr_scale: Share of the peak learning rate.
        gradient_norm: Global L2 norm before clipping.
        images_per_s: Since the row before.
    """

    step: int
    loss: float
    lr_scale: float
    gradient_norm: float
    images_per_s: float


class Records:
    """The open files of a run; a context manager.

    Args:
        out: Run directory.
        start: Steps done before; later ones are dropped from the files.

    Raises:
        DiskFull: There is no room.
    """

    def __init__(self, out: Path, start: int) -> None:
        self._out = out
        _drop_rows(out / LOSSES, start)
        _drop_validations(out / VALIDATION, start)
        self._file = (out / LOSSES).open("a", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._board = Board(out / TENSORBOARD, start)

    def add(self, row: Row) -> None:
        """Records a step."""
        with self._room():
            self._writer.writerow(
                [
                    row.step,
                    repr(row.loss),
                    f"{row.lr_scale:.6f}",
                    f"{row.gradient_norm:.4f}",
                    f"{row.images_per_s:.1f}",
                ]
            )
            for name in COLUMNS[1:]:
                self._board.add(f"train/{name}", getattr(row, name), row.step)
            self._board.flush()  # somebody may be looking

    def add_validation(self, step: int, figures: Mapping[str, float]) -> None:
        """Records figures on held-out images."""
        with self._room():
            with (self._out / VALIDATION).open("a") as file:
                file.write(json.dumps({"step": step, **figures}) + "\n")
            for name, value in figures.items():
                self._board.add(f"validation/{name}", value, step)

    def flush(self) -> None:
        """Hands everything to the system, as a checkpoint needs it."""
        with self._room():
            self._file.flush()
            self._board.flush()

    def _room(self) -> AbstractContextManager[None]:
        return room_for(self._out / LOSSES, needed=io.DEFAULT_BUFFER_SIZE)

    def __enter__(self) -> "Records":
        return self

    def __exit__(self, *_: object) -> None:
        with self._room(), closing(self._board), closing(self._file):
            pass


def read_losses(out: Path) -> list[dict[str, float]]:
    """The rows of losses.csv, by column."""
    with (out / LOSSES).open(newline="") as file:
        return [{name: float(text) for name, text in row.items()} for row in csv.DictReader(file)]


def read_validations(out: Path) -> list[dict[str, float]]:
    """The lines of validation.jsonl; none where there is no such file."""
    path = out / VALIDATION
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _drop_rows(path: Path, start: int) -> None:
    rows = [line for line in _whole_lines(path)[1:] if int(line.split(",")[0]) <= start]
    write_whole(path, "".join(f"{line}\n" for line in [",".join(COLUMNS), *rows]))


def _drop_validations(path: Path, start: int) -> None:
    if path.exists():
        kept = [line for line in _whole_lines(path) if json.loads(line)["step"] <= start]
        write_whole(path, "".join(f"{line}\n" for line in kept))


def _whole_lines(path: Path) -> list[str]:
    """The lines of a file, without one that kill -9 cut short; none where there is no file."""
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [line.removesuffix("\n") for line in lines if line.endswith("\n")]
