"""The command line of training, from recipes to a card with measured figures.

    pretrain   an autoencoder:         --recipe NAME --out DIR [--objective dmae|mae|nim]
    finetune   a classifier at sigma:  --recipe NAME --out DIR [--init DIR] [--FIELD VALUE ...]
    export     run -> model store:     --run DIR --id MODEL_ID [--store DIR]
    evaluate   certified accuracy:     --model MODEL_ID --data DIR [--stride N] [--write-card]

`python -m training COMMAND --help` lists every option; for the first two add the recipe, whose
values then show as the defaults. A run that was killed continues when the same command is given
again. Images are read from a folder of class folders, as torchvision's ImageFolder has them.
"""

import argparse
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import tyro

from model_store.errors import ModelStoreError
from smoothing.errors import SmoothingError
from training import recipes
from training.config import OBJECTIVES, EvaluateConfig, ExportConfig, FinetuneConfig, PretrainConfig
from training.errors import TrainingError

logger = logging.getLogger(__name__)

PROGRAM = "python -m training"
INTERRUPTED = 130

Config = TypeVar("Config", PretrainConfig, FinetuneConfig)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; the process's exit status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description=__doc__,
        epilog=f"recipes: {', '.join(recipes.PRETRAIN)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=tuple(COMMANDS), metavar="COMMAND")
    words = list(sys.argv[1:] if arguments is None else arguments)
    command = parser.parse_args(words[:1]).command
    try:
        COMMANDS[command](words[1:])
    except (TrainingError, ModelStoreError, SmoothingError) as error:
        sys.stderr.write(f"{PROGRAM} {command}: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; the same command continues\n")
        return INTERRUPTED
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    recipe: str
    objective: str
    out: Path
    overrides: list[str]

    @property
    def origin(self) -> dict[str, Any]:
        objective = ["--objective", self.objective] if self.objective != "dmae" else []
        return {"recipe": self.recipe, "arguments": [*objective, *_split(self.overrides)]}


def _pretrain(arguments: Sequence[str]) -> None:
    from training.pretrain import pretrain  # noqa: PLC0415 - torch, not needed for --help

    chosen = _choose(arguments, "pretrain", recipes.PRETRAIN)
    default = recipes.PRETRAIN[chosen.recipe]()
    default = replace(default, corruption=OBJECTIVES[chosen.objective])
    config = _configure(PretrainConfig, chosen, "pretrain", default)
    pretrain(config, chosen.out, origin=chosen.origin)


def _finetune(arguments: Sequence[str]) -> None:
    from training.finetune import finetune  # noqa: PLC0415 - torch, not needed for --help

    chosen = _choose(arguments, "finetune", recipes.FINETUNE)
    default = recipes.FINETUNE[chosen.recipe]()
    config = _configure(FinetuneConfig, chosen, "finetune", default)
    finetune(config, chosen.out, origin=chosen.origin)


def _evaluate(arguments: Sequence[str]) -> None:
    config = tyro.cli(EvaluateConfig, prog=f"{PROGRAM} evaluate", args=arguments)
    from training.evaluate import describe, evaluate, params_of  # noqa: PLC0415 - torch

    summary = evaluate(config)
    sys.stdout.write(describe(summary, params_of(config)) + "\n")


def _export(arguments: Sequence[str]) -> None:
    config = tyro.cli(ExportConfig, prog=f"{PROGRAM} export", args=arguments)
    from training.export import export  # noqa: PLC0415 - torch, not needed for --help

    sys.stdout.write(f"{export(config)}\n")


COMMANDS: Mapping[str, Callable[[Sequence[str]], None]] = {
    "pretrain": _pretrain,
    "finetune": _finetune,
    "export": _export,
    "evaluate": _evaluate,
}


def _choose(arguments: Sequence[str], command: str, known: Mapping[str, Any]) -> _Chosen:
    asks_for_help = {"-h", "--help"} & set(arguments)
    parser = argparse.ArgumentParser(prog=f"{PROGRAM} {command}", add_help=False)
    parser.add_argument(
        "--recipe",
        choices=tuple(known),
        required=not asks_for_help,
        default=next(iter(known)) if asks_for_help else None,
    )
    parser.add_argument(
        "--out", type=Path, required=not asks_for_help, default=Path("runs") / command
    )
    if command == "pretrain":
        parser.add_argument("--objective", choices=tuple(OBJECTIVES), default="dmae")
    options, overrides = parser.parse_known_args(arguments)
    return _Chosen(
        recipe=options.recipe,
        objective=getattr(options, "objective", "dmae"),
        out=options.out,
        overrides=overrides,
    )


def _configure(kind: type[Config], chosen: _Chosen, command: str, default: Config) -> Config:
    return tyro.cli(
        kind,
        prog=f"{PROGRAM} {command} --recipe {chosen.recipe} --out DIR",
        description=f"{kind.__doc__} Defaults shown are those of the recipe {chosen.recipe}.",
        default=default,
        args=chosen.overrides,
    )


def _split(overrides: Sequence[str]) -> list[str]:
    """Option names and values as words of their own, `--name=value` taken apart."""
    return [part for word in overrides for part in word.split("=", 1)]
