"""What the cards of the bundled models promise can be repeated."""

import shlex
from pathlib import Path

import pytest
import tyro

from model_store.card import ModelCard
from model_store.evidence import Evaluation
from model_store.registry import Registry
from training import recipes
from training.config import EvaluateConfig, FinetuneConfig, PretrainConfig
from training.evaluate import evaluate

CARDS = [Registry().get(model) for model in Registry().ids()]
ENTRIES = [(card, entry) for card in CARDS for entry in card.evaluations]
COMMANDS = [(card, line) for card in CARDS for line in card.provenance.commands]
TEST_IMAGES = Path("data/test")


def config_of(command: str) -> EvaluateConfig:
    program, *arguments = shlex.split(command.removeprefix("python -m training "))
    assert program == "evaluate"
    return tyro.cli(EvaluateConfig, args=arguments)


@pytest.mark.parametrize(("card", "entry"), ENTRIES)
def test_an_evaluations_command_means_its_figures(card: ModelCard, entry: Evaluation):
    config = config_of(entry.command)

    assert config.model == card.id
    assert (config.sigma, config.n0, config.n) == (entry.sigma, entry.n0, entry.n)
    assert (config.alpha, config.numerics) == (entry.alpha, entry.numerics)


@pytest.mark.parametrize(("card", "line"), COMMANDS)
def test_a_training_command_is_one_of_that_network(card: ModelCard, line: str):
    command, *words = shlex.split(line.removeprefix("python -m training "))
    known = {"pretrain": recipes.PRETRAIN, "finetune": recipes.FINETUNE}[command]
    kind = {"pretrain": PretrainConfig, "finetune": FinetuneConfig}[command]
    default = known[words[words.index("--recipe") + 1]]()

    config = tyro.cli(kind, default=default, args=words[4:])

    assert config.architecture == card.architecture


@pytest.mark.slow
@pytest.mark.skipif(not TEST_IMAGES.is_dir(), reason="needs CIFAR-10's test images in data/test")
@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)
def test_a_few_test_images_are_certified_as_well_as_the_card_says(card: ModelCard, tmp_path: Path):
    entry = card.evaluations[0]

    summary = evaluate(
        EvaluateConfig(
            model=card.id, data=TEST_IMAGES, table=tmp_path / "table.tsv", stride=500, n=200
        )
    )

    (_, promised), *_ = entry.certified_accuracy
    assert summary.curve[0].low <= promised <= summary.curve[0].high
