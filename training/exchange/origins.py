"""Where the weights of a run are from: the runs before it, and how each was asked for."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.engine.run_directory import CONFIG, read_origin, read_settings

NONE = "None"
# Where a reader would have the data that an option names.
DATA = {"--data.path": "data"}
# What a reader has no use for.
LOCAL = ("--data.cache",)
# Settings of a classifier worth naming beside its steps, in words.
HYPERPARAMETERS: Mapping[str, str] = {
    "views": "{} views",
    "consistency": "consistency {:g}",
    "mixup": "mixup {:g}",
    "cutmix": "cutmix {:g}",
    "label_smoothing": "label smoothing {:g}",
    "drop_path": "drop path {:g}",
}


def lineage(run: Path) -> list[Path]:
    """The run and those it was started from, the first one first, as far as they are still here."""
    runs = [run]
    while before := _found(read_settings(runs[0]).get("init"), runs[0]):
        if any(before.samefile(each) for each in runs):
            break  # one of them took the place of the run that it was started from
        runs.insert(0, before)
    return runs


def missing_start(run: Path) -> str | None:
    """The run at the beginning of a lineage that is named but not here any more; None if all are.

    Args:
        run: The last of the lineage.
    """
    return read_settings(lineage(run)[0]).get("init")


def _found(init: str | None, run: Path) -> Path | None:
    """A run as another names it, in the folders around that one, or else from here."""
    if init is None:
        return None
    places = [parent / init for parent in run.resolve().parents] + [Path(init)]
    return next((place for place in places if (place / CONFIG).is_file()), None)


def pretraining_in_words(run: Path) -> str:
    """How a classifier's encoder came about: the last pre-training of its lineage, or none."""
    for each in reversed(lineage(run)):
        settings, origin = read_settings(each), read_origin(each)
        if settings["command"] == "pretrain":
            objective = objective_of(each)
            return (
                "pre-trained elsewhere"
                if objective == "other"
                else f"{objective.upper()} pre-trained"
            )
        if "imported" in origin:
            return f"imported from {origin['imported']['file']}"
    gone = missing_start(run)
    return "trained from scratch" if gone is None else f"started from {Path(gone).name}"


def start_of(run: Path) -> str:
    """Objective of a classifier's last pre-training; scratch for none, other if not known."""
    for each in reversed(lineage(run)):
        if read_settings(each)["command"] == "pretrain":
            return objective_of(each)
        if "imported" in read_origin(each):
            return "other"
    return "scratch" if missing_start(run) is None else "other"


def objective_of(run: Path) -> str:
    """What a pre-training was trained for: dmae, mae or nim; other for one from elsewhere."""
    imported = read_origin(run).get("imported", {})
    corruption = read_settings(run).get("corruption", {})
    if imported:
        return str(imported["objective"])
    if corruption.get("noise", "constant") != "constant":
        return "nim"
    return "mae" if corruption.get("sigma") == 0 else "dmae"


def schedule_in_words(run: Path, head: Mapping[str, Any]) -> str:
    """What a run did: steps, images, time, and the settings that matter."""
    settings, imported = read_settings(run), read_origin(run).get("imported")
    if imported:
        return f"import: {imported['file']}, sha256 {imported['sha256']}: {imported['layout']}"
    done = (
        f"{settings['command']}: {head['step']} steps of {settings['loop']['batch_size']} images "
        f"({float(head['epochs']):.1f} epochs, {float(head['seconds']) / 60:.0f} minutes)"
    )
    return ", ".join([done, *_settings_in_words(run, settings)])


def portable_command(origin: Mapping[str, Any], command: str, out: Path) -> str:
    """The command that a run was started with, its paths put where a reader would have them."""
    words = ["python", "-m", "training", command]
    if "recipe" in origin:
        words += ["--recipe", str(origin["recipe"])]
    words += ["--out", _portable_run(out)]
    option = ""
    for word in origin.get("arguments", ()):
        option = word if word.startswith("--") else option
        if option not in LOCAL:
            words.append(word if word == option else _portable(option, word))
    return shlex.join(words)


def _portable(option: str, word: str) -> str:
    if option in DATA:
        folder, name = DATA[option], Path(word).name
        return folder if name == folder else f"{folder}/{name}"
    if option == "--init" and word != NONE:
        return _portable_run(Path(word))
    return Path(word).name if Path(word).is_absolute() else word


def _portable_run(run: Path) -> str:
    """From the folder runs on, where the run is in one."""
    parts = run.parts
    start = len(parts) - parts[::-1].index("runs") if "runs" in parts[:-1] else len(parts) - 1
    return "/".join(("runs", *parts[start:]))


def _settings_in_words(run: Path, settings: Mapping[str, Any]) -> list[str]:
    if settings["command"] == "pretrain":
        corruption = settings.get("corruption", {})
        mask = [f"mask {corruption['mask_ratio']:g}"] if "mask_ratio" in corruption else []
        return [objective_of(run).upper(), *_noise_in_words(corruption), *mask]
    said = {name: settings.get(name, 0) for name in HYPERPARAMETERS}
    said["views"] = said["views"] if said["views"] != 1 else 0  # one is none in particular
    words = [HYPERPARAMETERS[name].format(value) for name, value in said.items() if value]
    return [f"sigma {settings['sigma']:g}", *words]


def _noise_in_words(corruption: Mapping[str, Any]) -> list[str]:
    if corruption.get("noise", "constant") != "constant":
        return [f"{corruption['noise']} noise"]
    return [f"sigma {corruption['sigma']:g}"] if corruption.get("sigma") else []
