"""A run's directory belongs to one configuration."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.config import RunConfig, as_json, differences
from training.config.checks import require
from training.engine.checkpoints import read_json
from training.engine.disk import write_whole
from training.errors import BadCheckpoint, ConfigDiffers
from training.hardware import describe_hardware

CONFIG, ORIGIN, LOCK = "config.json", "origin.json", ".lock"


def read_settings(run: Path) -> dict[str, Any]:
    """The configuration recorded in a run directory.

    Raises:
        BadCheckpoint: It is none.
    """
    path = run / CONFIG
    if not path.is_file():
        raise BadCheckpoint(f"{run} is no run directory: it has no {CONFIG}")
    return read_json(path)


def read_origin(run: Path) -> dict[str, Any]:
    """How a run was asked for, as recorded in its directory; empty where nothing is."""
    path = run / ORIGIN
    return read_json(path) if path.is_file() else {}


def check_run_directory(out: Path, config: RunConfig) -> None:
    """Refuses a directory that a run of another configuration was started in; writes nothing.

    Raises:
        ConfigDiffers: Names the fields.
        BadCheckpoint: Its config.json is damaged.
        BadConfig: It cannot be written to, or not be made.
    """
    there = next(each for each in (out, *out.absolute().parents) if each.exists())
    require(
        there.is_dir() and os.access(there, os.W_OK | os.X_OK),
        f"{out} cannot be a run's directory: {there} is "
        f"{'not writable' if there.is_dir() else 'a file'}; choose another --out",
    )
    path = out / CONFIG
    if not path.exists():
        return
    ours, theirs = as_json(config), read_json(path)
    fields = differences(ours, theirs)
    if "command" in fields:
        raise ConfigDiffers(
            f"{out} holds a run of {theirs.get('command')}, not of {ours['command']}; choose "
            "another --out",
            fields=fields,
        )
    if fields:
        raise ConfigDiffers(
            f"{out} was started with another configuration: {', '.join(fields)} differ; "
            f"choose another --out, or the values in {path} to resume",
            fields=fields,
        )


def open_run_directory(out: Path, config: RunConfig, origin: Mapping[str, Any]) -> None:
    """Makes the run directory, or checks that it belongs to the same configuration.

    Args:
        out: The directory.
        config: Recorded in config.json.
        origin: How the run was asked for, recorded in origin.json beside the hardware.

    Raises:
        ConfigDiffers: It was started with another one; names the fields.
        DiskFull: There is no room.
    """
    check_run_directory(out, config)
    out.mkdir(parents=True, exist_ok=True)
    if not (out / CONFIG).exists():
        recorded = {**origin, "hardware": describe_hardware(config.loop.device)}
        write_whole(out / ORIGIN, json.dumps(recorded, indent=1) + "\n")
        write_whole(out / CONFIG, json.dumps(as_json(config), indent=1) + "\n")
