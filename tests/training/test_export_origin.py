"""A card says where its weights are from, in commands that work elsewhere too."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from model_store.card import load_card
from tests.training.stores import to_store
from training.config import OBJECTIVES, CorruptionConfig, FinetuneConfig, PretrainConfig
from training.engine import checkpoints
from training.exchange.cards import store_run
from training.exchange.origins import (
    lineage,
    missing_start,
    portable_command,
    pretraining_in_words,
)
from training.exchange.run_directories import write_run
from training.export import export


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


def test_a_run_that_is_named_from_its_own_folder_is_found_from_any(
    finetune_config: FinetuneConfig, tmp_path: Path
):
    before, after = tmp_path / "runs" / "pre", tmp_path / "runs" / "fine"
    write_run(before, finetune_config, {}, classes=(), origin={})
    write_run(after, replace(finetune_config, init=Path("runs/pre")), {}, classes=(), origin={})

    assert lineage(after) == [before, after]
    assert missing_start(after) is None


def test_a_run_that_took_the_place_of_its_own_start_ends_its_lineage(
    finetune_config: FinetuneConfig, tmp_path: Path
):
    run = tmp_path / "runs" / "fine"
    write_run(run, replace(finetune_config, init=Path("runs/fine")), {}, classes=(), origin={})

    assert lineage(run) == [run]
    assert missing_start(run) == "runs/fine"


def test_a_run_whose_beginning_is_gone_is_exported_and_says_so(finetuned: Path, tmp_path: Path):
    run = tmp_path / "run"
    shutil.copytree(finetuned, run)
    settings = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**settings, "init": "gone/pre"}))

    card = load_card(export(to_store(run, tmp_path / "store")) / "card.json")

    assert "started from pre, fine-tuned at sigma 0.25" in card.description
    assert "The run pre, from which it was started" in card.provenance.notes[-1]


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


def test_commands_keep_the_objective_and_the_place_among_the_runs():
    arguments = ["--objective", "mae", "--init", "/scratch/runs/smoke/pretrain", "--data.path", "d"]

    command = portable_command(
        {"recipe": "smoke", "arguments": arguments}, "pretrain", Path("/a/runs/smoke/pre")
    )

    assert command == (
        "python -m training pretrain --recipe smoke --out runs/smoke/pre --objective mae "
        "--init runs/smoke/pretrain --data.path data/d"
    )


def test_the_folder_of_all_data_is_no_folder_in_itself():
    arguments = ["--data.source", "cifar10", "--data.path", "/a/data"]

    command = portable_command({"arguments": arguments}, "pretrain", Path("runs/pre"))

    assert command.endswith(" --data.source cifar10 --data.path data")


def test_no_start_is_no_path():
    origin = {"recipe": "smoke", "arguments": ["--init", "None", "--data.randaugment", ""]}

    command = portable_command(origin, "finetune", Path("fine"))

    assert "--init None" in command
    assert command.endswith("--data.randaugment ''")


@pytest.mark.parametrize(
    ("corruption", "words"),
    [
        (OBJECTIVES["dmae"], "DMAE pre-trained"),
        (CorruptionConfig(sigma=0.5, mask_ratio=0.6), "DMAE pre-trained"),
        (OBJECTIVES["mae"], "MAE pre-trained"),
        (OBJECTIVES["nim"], "NIM pre-trained"),
        (None, "trained from scratch"),
    ],
)
def test_the_card_says_how_the_encoder_came_about(
    pretrain_config: PretrainConfig,
    finetune_config: FinetuneConfig,
    tmp_path: Path,
    corruption: CorruptionConfig | None,
    words: str,
):
    start = None if corruption is None else tmp_path / "pre"
    if corruption is not None:
        config = replace(pretrain_config, corruption=corruption)
        write_run(tmp_path / "pre", config, {}, classes=(), origin={})
    config = replace(finetune_config, init=start)
    write_run(tmp_path / "fine", config, {}, classes=(), origin={})

    assert pretraining_in_words(tmp_path / "fine") == words


def test_the_card_describes_a_whole_lineage(
    pretrain_config: PretrainConfig,
    finetuned: Path,
    finetune_config: FinetuneConfig,
    tmp_path: Path,
):
    config = replace(pretrain_config, corruption=OBJECTIVES["mae"])
    write_run(tmp_path / "runs" / "pre", config, {}, classes=(), origin={"recipe": "smoke"})
    config = replace(
        finetune_config, init=tmp_path / "runs" / "pre", views=2, consistency=2.0, mixup=0.8
    )
    origin = {"recipe": "smoke", "arguments": ["--init", str(tmp_path / "runs" / "pre")]}
    write_run(
        tmp_path / "fine", config, checkpoints.load_weights(finetuned), classes="abc", origin=origin
    )

    card = store_run(tmp_path / "fine", tmp_path / "store")

    assert card.description == "Vision transformer, MAE pre-trained, fine-tuned at sigma 0.25."
    first, second = card.provenance.schedule.split("; ")
    assert first.endswith("MAE, mask 0.75")
    assert second.endswith("sigma 0.25, 2 views, consistency 2, mixup 0.8")
    assert card.provenance.commands == (
        "python -m training pretrain --recipe smoke --out runs/pre",
        "python -m training finetune --recipe smoke --out runs/fine --init runs/pre",
    )
