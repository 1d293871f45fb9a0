"""The command line: `python -m training COMMAND --recipe NAME --out DIR [--field VALUE ...]`."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import tyro

from training import recipes
from training.config import FinetuneConfig, PretrainConfig
from training.errors import TrainingError
from training.pretrain import pretrain


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; the process's exit status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    known = argparse.ArgumentParser()
    known.add_argument("command")
    known.add_argument("--recipe")
    known.add_argument("--out", type=Path)
    options, rest = known.parse_known_args(arguments)
    try:
        if options.command == "pretrain":
            default = recipes.PRETRAIN[options.recipe]()
            pretrain(tyro.cli(PretrainConfig, default=default, args=rest), options.out)
        else:
            from training.finetune import finetune

            default2 = recipes.FINETUNE[options.recipe]()
            finetune(tyro.cli(FinetuneConfig, default=default2, args=rest), options.out)
    except TrainingError as error:
        logging.getLogger(__name__).error("%s", error)  # noqa: TRY400
        return 1
    return 0
