"""From a run to a model in a store."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from model_store.card import load_card
from model_store.classifier import load_classifier
from training.config import ExportConfig, FinetuneConfig, PretrainConfig
from training.engine import checkpoints
from training.errors import BadCheckpoint
from training.export import export, portable_command
from training.network.classifier import build_classifier
from training.pretrain import pretrain
from training.streams import stream


def to_store(run: Path, store: Path, **options: Any) -> ExportConfig:
    return ExportConfig(run=run, id="tiny.test", store=store, measure_s=0.0, **options)


def test_the_stored_classifier_gives_the_runs_logits(
    finetuned: Path, finetune_config: FinetuneConfig, tmp_path: Path
):
    model = build_classifier(finetune_config, 3).eval()
    model.load_state_dict(checkpoints.load_weights(finetuned))
    noisy = torch.randn(5, 3, 16, 16, generator=stream(0, "pixels"))

    target = export(
        ExportConfig(run=finetuned, id="tiny.test", store=tmp_path, stored_as="float32")
    )

    stored = load_classifier(load_card(target / "card.json"), target)
    torch.testing.assert_close(stored(noisy), model(noisy).detach(), rtol=1e-5, atol=1e-6)


def test_weights_are_halved_to_float16_and_run_as_float32(finetuned: Path, tmp_path: Path):
    target = export(to_store(finetuned, tmp_path))

    card = load_card(target / "card.json")

    assert (card.weights.stored_as, card.weights.precision) == ("float16", "float32")
    assert card.weights.num_bytes == (target / "weights.safetensors").stat().st_size
    assert next(load_classifier(card, target).parameters()).dtype == torch.float32


def test_the_card_says_where_the_weights_are_from(finetuned: Path, tmp_path: Path):
    config = to_store(finetuned, tmp_path, data="colours", notes=("A note.",))

    card = load_card(export(config) / "card.json")

    assert (card.labels, card.sigmas) == (("blue", "green", "red"), (0.25,))
    assert card.draws_per_s > 0
    assert (card.provenance.data, card.provenance.notes) == ("colours", ("A note.",))
    assert card.provenance.commands == (
        "python -m training finetune --recipe smoke --out runs/finetune --data.path data/train",
    )
    assert re.match(r"finetune: 6 steps of 8 images \(2\.0 epochs", card.provenance.schedule)


def test_commands_name_no_path_of_this_machine():
    arguments = [
        "--data.path",
        "/data/cifar/train",
        "--data.cache",
        "/data/cache",
        "--sigma",
        "0.5",
    ]
    arguments += ["--data.no-flip", "--init", "/scratch/pre"]

    command = portable_command(
        {"recipe": "smoke", "arguments": arguments}, "finetune", Path("/scratch/fine")
    )

    assert command == (
        "python -m training finetune --recipe smoke --out runs/fine --data.path data/train "
        "--sigma 0.5 --data.no-flip --init runs/pre"
    )


def test_a_pretraining_is_no_classifier(pretrain_config: PretrainConfig, tmp_path: Path):
    pretrain(pretrain_config, tmp_path / "run")

    with pytest.raises(BadCheckpoint, match="is no fine-tuning"):
        export(ExportConfig(run=tmp_path / "run", id="tiny.test", store=tmp_path / "store"))


def test_a_folder_that_is_no_run_is_named(tmp_path: Path):
    with pytest.raises(BadCheckpoint, match=r"has no config\.json"):
        export(ExportConfig(run=tmp_path, id="tiny.test", store=tmp_path / "store"))


def test_the_card_is_plain_json(finetuned: Path, tmp_path: Path):
    target = export(to_store(finetuned, tmp_path))

    assert json.loads((target / "card.json").read_text())["id"] == "tiny.test"
