"""A configuration as it is recorded beside its run, and as it is compared on resuming."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from training.config.probe import ProbeConfig
from training.config.runs import FinetuneConfig, PretrainConfig

# Fields that change how a run is executed but not what it computes.
EXECUTION_FIELDS = frozenset(
    {
        "loop.parallel",
        "loop.compile",
        "loop.threads",
        "loop.log_every",
        "loop.checkpoint_every",
        "loop.validate_every",
        "data.cache",
        "data.download",
        "data.workers",
        "data.on_device",
    }
)

RunConfig = PretrainConfig | FinetuneConfig | ProbeConfig

COMMANDS: Mapping[type[RunConfig], str] = {
    PretrainConfig: "pretrain",
    FinetuneConfig: "finetune",
    ProbeConfig: "linear-probe",
}


def as_json(config: RunConfig) -> dict[str, Any]:
    """The configuration as plain JSON values, as recorded in the run directory."""
    plain: dict[str, Any] = _plain(asdict(config))
    return {"command": COMMANDS[type(config)], **plain}


def differences(ours: dict[str, Any], theirs: dict[str, Any]) -> tuple[str, ...]:
    """Dotted names of the fields in which two configurations differ, execution fields aside."""
    left, right = dict(_leaves(ours)), dict(_leaves(theirs))
    names = (left.keys() | right.keys()) - EXECUTION_FIELDS
    return tuple(sorted(name for name in names if left.get(name) != right.get(name)))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _leaves(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
