"""The command line of training: from words to a configuration, and to the command that runs it."""
# ruff: noqa: PLC0415 - torch is loaded by the command that needs it, never by --help

import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from model_store.errors import ModelStoreError
from smoothing.errors import InvalidParams, SmoothingError
from training import recipes
from training.cli_help import PROGRAM, explain, overview
from training.cli_options import asks_for_help, choose, parse, split_words, take, with_implied
from training.config import (
    OBJECTIVES,
    CompareConfig,
    EvaluateConfig,
    ExportConfig,
    FinetuneConfig,
    ImportConfig,
    PretrainConfig,
    PreviewConfig,
    ProbeConfig,
)
from training.errors import BadCheckpoint, BadUsage, TrainingError
from training.progress import StderrHandler

logger = logging.getLogger(__name__)

RUNS = Path("runs")
STORE = RUNS / "store"
FAILED, MISUSED, INTERRUPTED = 1, 2, 130

Config = TypeVar("Config", PretrainConfig, FinetuneConfig, ProbeConfig)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; the process's exit status."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", handlers=[StderrHandler()]
    )
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in {"-h", "--help"}:
        sys.stdout.write(overview())
        return 0
    command = words[0]
    try:
        run = COMMANDS[choose(command, COMMANDS, "command")]
        if asks_for_help(words):
            sys.stdout.write(explain(command) + "\n")
        run(words[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read our output, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (TrainingError, ModelStoreError, SmoothingError, OSError) as error:
        sys.stderr.write(f"{PROGRAM} {command}: {error}\n")
        return MISUSED if isinstance(error, BadUsage | InvalidParams) else FAILED
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; the same command continues\n")
        return INTERRUPTED
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked(Generic[Config]):
    """A training run as it was asked for."""

    config: Config
    out: Path
    origin: dict[str, Any]


def _pretrain(words: Sequence[str]) -> None:
    objective, words = take(words, "--objective")
    recipe, words = _recipe(recipes.PRETRAIN, words)
    default = recipes.PRETRAIN[recipe]()
    if objective is not None:
        corruption = OBJECTIVES[choose(objective, OBJECTIVES, "objective")]
        default = replace(default, corruption=corruption)
    asked = _ask("pretrain", default, recipe, _with_init(words, default.init))
    from training.pretrain import pretrain

    _begin(asked)
    said = ["--objective", objective] if objective is not None else []
    origin = {**asked.origin, "arguments": [*said, *asked.origin["arguments"]]}
    pretrain(asked.config, asked.out, origin=origin)


def _finetune(words: Sequence[str]) -> None:
    recipe, words = _recipe(recipes.FINETUNE, words)
    default = replace(recipes.FINETUNE[recipe](), init=RUNS / recipe / "pretrain")
    asked = _ask("finetune", default, recipe, _with_init(words, default.init))
    from training.finetune import finetune

    _begin(asked)
    finetune(asked.config, asked.out, origin=asked.origin)


def _linear_probe(words: Sequence[str]) -> None:
    recipe, words = _recipe(recipes.PROBE, words)
    default = replace(recipes.PROBE[recipe](), init=RUNS / recipe / "pretrain")
    asked = _ask("linear-probe", default, recipe, _with_init(words, default.init))
    from training.linear_probe import linear_probe

    _begin(asked)
    linear_probe(asked.config, asked.out, origin=asked.origin)


def _evaluate(words: Sequence[str]) -> None:
    recipe, words = take(words, "--recipe")
    if recipe is not None:
        choose(recipe, recipes.FINETUNE, "recipe")
        words = with_implied(words, recipes.EVALUATE.get(recipe, {}))
        if not _gives(words, "--model", "--run"):
            words = ["--run", str(_existing(RUNS / recipe / "finetune", words)), *words]
    elif not _gives(words, "--model", "--run"):
        _require_subject(words, "--recipe NAME, --run DIR, or --model ID --store DIR")
    config = parse(EvaluateConfig, words, program=f"{PROGRAM} evaluate")
    from training.evaluate import describe, evaluate
    from training.evaluation.subject import params_of
    from training.hardware import require_device

    for device in config.devices:
        require_device(device, instead="--device cpu")
    summary = evaluate(config)
    sys.stdout.write(describe(summary, params_of(config)) + "\n")


def _compare(words: Sequence[str]) -> None:
    config = parse(CompareConfig, words, program=f"{PROGRAM} compare")
    from training.compare import compare
    from training.evaluation.comparison import markdown

    sys.stdout.write(f"{markdown(compare(config))}\n")


def _export(words: Sequence[str]) -> None:
    recipe, words = take(words, "--recipe")
    if recipe is not None and not asks_for_help(words):
        choose(recipe, recipes.FINETUNE, "recipe")
        implied = {**recipes.EXPORT.get(recipe, {}), "--store": str(STORE)}
        if not _gives(words, "--run"):
            implied["--run"] = str(_existing(RUNS / recipe / "finetune", words))
        words = with_implied(words, implied)
    elif not _gives(words, "--run"):
        _require_subject(words, "--recipe NAME or --run DIR")
    config = parse(ExportConfig, words, program=f"{PROGRAM} export")
    if recipe is not None:
        config = replace(config, id=config.id or _model_id(recipe, config))
    from training.export import export

    sys.stdout.write(f"{export(config)}\n")
    if config.format == "ours":
        logger.info("to serve it: MODEL_STORE_DIR=%s dmae serve", config.store)


def _import(words: Sequence[str]) -> None:
    config = parse(ImportConfig, words, program=f"{PROGRAM} import")
    from training.import_weights import import_weights

    sys.stdout.write(f"{import_weights(config)}\n")


def _preview(words: Sequence[str]) -> None:
    recipe, words = take(words, "--recipe")
    pretraining = None
    if recipe is not None:
        pretraining = recipes.PRETRAIN[choose(recipe, recipes.PRETRAIN, "recipe")]()
        run = RUNS / recipe / "pretrain"
        found = _is_run(run) or _gives(words, "--run")
        implied = {"--run": str(run)} if found else {"--out": str(run.with_name("preview.png"))}
        words = with_implied(words, implied)
    elif not _gives(words, "--run"):
        _require_subject(words, "--recipe NAME or --run DIR")
    config = parse(PreviewConfig, words, program=f"{PROGRAM} preview")
    from training.preview import preview

    sys.stdout.write(f"{preview(config, pretraining)}\n")


COMMANDS: Mapping[str, Callable[[Sequence[str]], None]] = {
    "pretrain": _pretrain,
    "finetune": _finetune,
    "linear-probe": _linear_probe,
    "evaluate": _evaluate,
    "compare": _compare,
    "export": _export,
    "import": _import,
    "preview": _preview,
}


def _recipe(known: Mapping[str, Any], words: Sequence[str]) -> tuple[str, list[str]]:
    """The recipe among the words; for --help any will do."""
    name, rest = take(words, "--recipe")
    if name is None and asks_for_help(words):
        name = next(iter(known))
    return choose(name, known, "recipe"), rest


def _ask(command: str, default: Config, recipe: str, words: Sequence[str]) -> _Asked[Config]:
    out, words = take(words, "--out")
    if default.loop.steps is not None and _gives(words, "--loop.epochs"):
        words = with_implied(words, {"--loop.steps": "None"})
    config = parse(
        type(default),
        words,
        program=f"{PROGRAM} {command} --recipe {recipe}",
        default=default,
        description=f"Every field of the recipe {recipe}, with its value there.",
    )
    origin = {"recipe": recipe, "arguments": split_words(words)}
    return _Asked(config=config, out=Path(out) if out else RUNS / recipe / command, origin=origin)


def _with_init(words: Sequence[str], run: Path | None) -> list[str]:
    """The words, --init among them: this run, if any, where nothing else is said."""
    init, rest = take(words, "--init")
    if init is not None:  # `none` is spelt as the configuration has it
        return ["--init", "None" if init.lower() == "none" else init, *rest]
    if run is None or asks_for_help(words):
        return rest
    run = _existing(run, words, instead=", or train from scratch with --init none")
    return ["--init", str(run), *rest]


def _begin(asked: _Asked[Any]) -> None:
    from torch.distributed.distributed_c10d import get_node_local_rank

    from training.hardware import WITHOUT_A_GPU, require_compiler, require_device

    loop, init = asked.config.loop, asked.config.init
    require_device(loop.device, instead=WITHOUT_A_GPU)
    if loop.compile:
        require_compiler(loop.device)
    # Of torchrun's processes one is enough, and a run that goes on starts from its own checkpoint.
    if get_node_local_rank(fallback_rank=0) == 0 and not _is_run(asked.out):
        logger.info("starting from %s", _start_in_words(init))


def _start_in_words(init: Path | None) -> str:
    from training.engine.checkpoints import read_head

    head = (read_head(init) if init else None) or {}
    step, steps = head.get("step", 0), head.get("steps", 0)
    unfinished = f", which is at step {step:,} of {steps:,}" if step < steps else ""
    return f"{init or 'fresh weights'}{unfinished}"


def _existing(run: Path, words: Sequence[str], *, instead: str = "") -> Path:
    """A recipe's own run of a command, runs/RECIPE/COMMAND.

    Raises:
        BadCheckpoint: There is none; names the command that makes it.
    """
    if not _is_run(run) and not asks_for_help(words):
        command = f"{PROGRAM} {run.name} --recipe {run.parent.name}"
        raise BadCheckpoint(f"{run} holds no run yet: make it with `{command}`{instead}")
    return run


def _require_subject(words: Sequence[str], choices: str) -> None:
    if not asks_for_help(words):
        raise BadUsage(f"of what? Give {choices}")


def _is_run(directory: Path) -> bool:
    return (directory / "checkpoint.json").is_file()


def _gives(words: Sequence[str], *options: str) -> bool:
    return any(take(words, option)[0] is not None for option in options)


def _model_id(recipe: str, config: ExportConfig) -> str:
    """What the model of a recipe's run is called; nothing where it is a pre-training."""
    from training.engine.run_directory import read_settings
    from training.exchange.origins import start_of

    settings = read_settings(config.run)
    sigma = settings.get("sigma") if config.sigma is None else config.sigma
    if sigma is None:
        return ""
    probed = "-probe" if settings["command"] == "linear-probe" else ""
    quantised = "-int8" if config.precision == "int8" else ""
    return f"{recipe}.{start_of(config.run)}_s{f'{sigma:.2f}'.replace('.', '')}{probed}{quantised}"
