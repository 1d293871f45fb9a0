"""The command `import`: another project's checkpoint as a run, and as a model in a store."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from training.config import ExportConfig, FinetuneConfig, ImportConfig
from training.errors import BadCheckpoint, BadConfig
from training.exchange.cards import PREFIX
from training.exchange.facts import Described, describe
from training.exchange.files import ForeignFile, read_checkpoint
from training.exchange.layouts import ACCEPTED, Layout, check_values, recognise
from training.exchange.run_directories import check_vacant, write_run
from training.export import export


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import left behind; as a string, a report for a terminal.

    Attributes:
        layout: What the file held.
        facts: What is known of it besides, and from where, a line each.
        run: Run directory, to start from or to export.
        model: Directory of the model in the store, where one was asked for.
    """

    layout: Layout
    facts: tuple[str, ...]
    run: Path
    model: Path | None

    def __str__(self) -> str:
        lines = [f"{self.layout}", *(f"  {fact}" for fact in self.facts), f"run: {self.run}"]
        return "\n".join([*lines, *([f"model: {self.model}"] if self.model else [])])


def import_weights(config: ImportConfig) -> Imported:
    """Reads the file, asks for what it does not say, and writes the run directory.

    Raises:
        BadCheckpoint: The file is none that can be imported, or the directory is not vacant.
        BadConfig: Something has to be stated, or contradicts the file.
        CardInvalid: The id or another value is outside what a card allows.
    """
    out = config.out or Path("runs") / config.file.stem
    check_vacant(out)
    file, layout = _read(config.file)
    if config.id and layout.kind != "classifier":
        raise BadConfig(f"--id is for classifiers; {config.file} holds a {layout}")
    described = describe(config, file, layout)
    if config.id and isinstance(described.config, FinetuneConfig) and not described.config.sigma:
        raise BadConfig("--id is for classifiers that are smoothed; --sigma must be above 0")
    write_run(
        out,
        described.config,
        _our_tensors(file, layout),
        classes=described.classes,
        origin=_origin(config, file, layout, described),
    )
    model = _stored(config, out) if config.id else None
    return Imported(layout=layout, facts=described.lines, run=out, model=model)


def _stored(config: ImportConfig, run: Path) -> Path:
    """The model in the store; without it no run either, or the command could not be repeated."""
    try:
        return export(_export_config(config, run))
    except BaseException:
        shutil.rmtree(run, ignore_errors=True)
        raise


def _read(path: Path) -> tuple[ForeignFile, Layout]:
    try:
        file = read_checkpoint(path)
        layout = recognise(file.tensors)
        check_values(file.tensors)
    except BadCheckpoint as error:
        raise BadCheckpoint(f"{path} cannot be imported: {error}. Accepted: {ACCEPTED}") from error
    return file, layout


def _our_tensors(file: ForeignFile, layout: Layout) -> dict[str, Tensor]:
    if layout.kind != "classifier":
        return file.tensors
    return {f"{PREFIX}{name}": value for name, value in file.tensors.items()}


def _origin(
    config: ImportConfig, file: ForeignFile, layout: Layout, described: Described
) -> dict[str, Any]:
    return {
        "imported": {
            "file": config.file.name,
            "sha256": file.sha256,
            "layout": str(layout),
            "objective": described.objective,
            "facts": list(described.lines),
        },
        "arguments": _arguments(config),
    }


def _arguments(config: ImportConfig) -> list[str]:
    """The words that import the file again, without those of the card."""
    words = [config.file.name]
    for name in ("sigma", "objective", "normalisation", "labels", "size"):
        value = getattr(config, name)
        words += [f"--{name}", str(value)] if value is not None else []
    for name in ("num_heads", "decoder_num_heads"):
        value = getattr(config, name)
        words += [f"--{name.replace('_', '-')}", str(value)] if value is not None else []
    for name in ("mean", "std"):
        value = getattr(config, name)
        words += [f"--{name}", *map(str, value)] if value is not None else []
    return words


def _export_config(config: ImportConfig, run: Path) -> ExportConfig:
    return ExportConfig(
        run=run,
        id=config.id,
        store=config.store,
        description=config.description,
        data=config.data,
        licence=config.licence,
        notes=config.notes,
        stored_as=config.stored_as,
        measure_s=config.measure_s,
    )
