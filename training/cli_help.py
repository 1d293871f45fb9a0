"""What the command line teaches: each command in a few lines, each recipe in one."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from training import recipes

PROGRAM = "python -m training"

RUNS = """

A run directory holds its configuration, losses.csv, its curves and its last checkpoint. The same
command again continues a run that was killed; on a finished run it does nothing. --out DIR names
another directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """A command in a few lines.

    Attributes:
        summary: In one line.
        what: What it does, in a paragraph.
        options: The most used ones, each with what it means.
        examples: Whole commands.
        recipes: Those it takes, by name.
    """

    summary: str
    what: str
    options: tuple[tuple[str, str], ...]
    examples: tuple[str, ...]
    recipes: Mapping[str, Callable[[], Any]] | None = None


GUIDES: Mapping[str, Guide] = {
    "pretrain": Guide(
        summary="train an autoencoder to rebuild clean images from corrupted ones",
        what=f"""\
Trains an encoder without labels: images get noise and lose most of their patches, and the network
rebuilds the clean image. Writes runs/RECIPE/pretrain, from which finetune, linear-probe and
preview go on.{RUNS}""",
        options=(
            ("--data.path DIR", "the images: a folder with one folder of them a class"),
            ("--objective NAME", "dmae (noise and mask), mae (mask alone) or nim (noise alone)"),
            ("--init DIR", "a pre-training to continue from, or none for fresh weights"),
            ("--loop.epochs NUMBER", "how long to train"),
        ),
        examples=(
            "pretrain --recipe smoke",
            "pretrain --recipe cifar10_vit_tiny --objective mae --out runs/mae",
        ),
        recipes=recipes.PRETRAIN,
    ),
    "finetune": Guide(
        summary="train a classifier under noise, from a pre-trained encoder",
        what=f"""\
Trains the classifier that is later smoothed, on images with noise of one level, sigma: the larger,
the larger the radii that can be certified, and the lower the accuracy. Starts from the encoder in
runs/RECIPE/pretrain and writes runs/RECIPE/finetune.{RUNS}""",
        options=(
            ("--sigma NUMBER", "noise level, in units of a [0, 1] pixel"),
            ("--init DIR", "another run to start from, or none to train from scratch"),
            ("--views 2 --consistency 2", "two noisy views of each image, which should agree"),
        ),
        examples=(
            "finetune --recipe smoke",
            "finetune --recipe cifar10_vit_tiny --sigma 0.5 --out runs/sigma050",
        ),
        recipes=recipes.FINETUNE,
    ),
    "linear-probe": Guide(
        summary="train only a linear classifier, on a frozen encoder",
        what=f"""\
Measures what an encoder has learned: it stays as it is, and one linear layer reads its class token
under noise. Much faster than finetune, and less accurate. Starts from the encoder in
runs/RECIPE/pretrain and writes runs/RECIPE/linear-probe.{RUNS}""",
        options=(
            ("--sigma NUMBER", "noise level, in units of a [0, 1] pixel; 0 for clean images"),
            ("--init DIR", "another run whose encoder is probed, or none for a random one"),
            ("--architecture.global-pool avg", "read the mean of the patches instead"),
        ),
        examples=(
            "linear-probe --recipe smoke",
            "linear-probe --recipe cifar10_vit_tiny --sigma 0 --out runs/clean_probe",
        ),
        recipes=recipes.PROBE,
    ),
    "evaluate": Guide(
        summary="measure certified accuracy on test images",
        what="""\
Certifies labelled test images with the service's own procedure and prints which share of them is
right and certified at each radius. Writes a table with a row an image, which an interrupted
evaluation continues. Takes a run, a model of a store, or a recipe for runs/RECIPE/finetune.""",
        options=(
            ("--run DIR, or --model ID --store DIR", "what to evaluate"),
            ("--data DIR --stride 20", "every 20th image of a folder with a folder a class"),
            ("--n 10000", "noisy copies of each image; more of them prove larger radii"),
        ),
        examples=(
            "evaluate --recipe smoke",
            "evaluate --store runs/store --model my_vit.dmae_s025 --data data/test --write-card",
        ),
        recipes=recipes.FINETUNE,
    ),
    "compare": Guide(
        summary="put several evaluations side by side",
        what="""\
Reads tables of evaluate, or others' in the same format, and prints the certified accuracy of each
at rising radii, with the envelope over noise levels. With --out it writes Markdown and a plot.""",
        options=(
            ("--names A B", "what each table is of, in their order"),
            ("--common", "only the images that all tables have"),
            ("--out FILE.md", "write the comparison, with the curves beside it as .png"),
        ),
        examples=("compare ours.tsv theirs.tsv --names ours theirs --out compared.md",),
    ),
    "export": Guide(
        summary="make a run a model of the service, or a file for other projects",
        what="""\
Writes weights and a card, which is all that the service needs, into a store directory; or, with
--format, a checkpoint as the official DMAE code or timm has it. With --recipe the run is
runs/RECIPE/finetune, the store runs/store and the id RECIPE.dmae_s025, by objective and sigma,
with -probe behind it for a linear probe and -int8 for --precision int8.""",
        options=(
            ("--run DIR", "the fine-tuning or linear probe to export"),
            ("--store DIR --id NAME", "where to, and under which model id"),
            ("--licence TEXT", "of the weights, for the card"),
        ),
        examples=(
            "export --recipe smoke",
            "export --run runs/sigma050 --store runs/store --id my_vit.dmae_s050",
        ),
        recipes=recipes.FINETUNE,
    ),
    "import": Guide(
        summary="take over a checkpoint of another project",
        what="""\
Reads checkpoints of DMAE, MAE, NIM and timm and writes a run directory, from which every other
command goes on; with --id a classifier becomes a model of a store too. Nothing in the file is
executed. What the file cannot say (noise level, normalisation, labels) is asked for.""",
        options=(
            ("--out DIR", "run directory to write"),
            ("--sigma NUMBER", "noise that the weights were trained under"),
            ("--normalisation NAME", "mean and deviation that the network expects"),
        ),
        examples=("import checkpoint.pth --out runs/official --normalisation imagenet",),
    ),
    "preview": Guide(
        summary="show a pre-training's images: clean, corrupted, rebuilt",
        what="""\
Writes a PNG with a few images as they are, with noise and with the hidden patches in grey, and as
the network rebuilds them. Without a trained run it shows the corruption alone, which is a
good look at a recipe before time is spent on it. With --recipe the run is runs/RECIPE/pretrain.""",
        options=(
            ("--run DIR", "the pre-training to show"),
            ("--images A.png B.png", "your own pictures; else some held out from training"),
            ("--out FILE.png", "else preview.png in the run directory"),
        ),
        examples=("preview --recipe smoke", "preview --run runs/smoke/pretrain --rows 3"),
        recipes=recipes.PRETRAIN,
    ),
}


def overview() -> str:
    """The help of the program: its commands, and the way from nothing to a served model."""
    commands = _columns([(name, guide.summary) for name, guide in GUIDES.items()])
    return f"""\
Make image classifiers whose robustness can be certified. Usage: {PROGRAM} COMMAND [OPTIONS]

{commands}

The way from nothing to a served model, in about a minute, in any empty directory:
  {PROGRAM} pretrain --recipe smoke
  {PROGRAM} finetune --recipe smoke
  {PROGRAM} evaluate --recipe smoke
  {PROGRAM} export --recipe smoke
  MODEL_STORE_DIR=runs/store dmae serve

Recipes, every field of which is an option:
{_recipes(recipes.PRETRAIN)}

{PROGRAM} COMMAND --help explains a command and lists its options.
"""


def explain(command: str) -> str:
    """The first part of a command's help; the list of all its options follows."""
    guide = GUIDES[command]
    options, examples = guide.options, "\n".join(f"  {PROGRAM} {each}" for each in guide.examples)
    parts = [guide.what, "", "Most used:", _columns(options), "", "Examples:", examples]
    if guide.recipes is not None:
        parts += ["", "Recipes (--recipe NAME):", _recipes(guide.recipes)]
    return "\n".join(parts) + "\n"


def _recipes(known: Mapping[str, Callable[[], Any]]) -> str:
    return _columns([(name, _first_line(recipe)) for name, recipe in known.items()])


def _first_line(recipe: Callable[[], Any]) -> str:
    return (inspect.getdoc(recipe) or "").partition("\n")[0]


def _columns(rows: list[tuple[str, str]] | tuple[tuple[str, str], ...]) -> str:
    width = max(len(left) for left, _ in rows)
    return "\n".join(f"  {left:{width}}  {right}" for left, right in rows)
