"""Training goes on from what was imported."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.foreign import (
    CLASSIFIER,
    DECODER,
    PRETRAINING,
    PRETRAINING_OF,
    SHAPE,
    Weights,
    take,
    written,
)
from training.config import FinetuneConfig, PretrainConfig
from training.errors import BadCheckpoint
from training.network.classifier import build_classifier
from training.network.starting_weights import load_autoencoder
from training.pretrain import build_autoencoder


@pytest.mark.parametrize("kind", ["pretraining", "encoder"])
@pytest.mark.parametrize("pool", ["avg", "token"])
def test_fine_tuning_starts_from_an_imported_encoder(
    published_weights: Weights, tmp_path: Path, kind: str, pool: Any
):
    weights = published_weights(kind)
    run = take(written(tmp_path / "a.pth", weights), tmp_path / "run", **PRETRAINING_OF[kind])
    config = FinetuneConfig(architecture=replace(SHAPE, global_pool=pool), init=run)

    vit = build_classifier(config, 10).vit

    assert torch.equal(vit.blocks[1].mlp.fc2.weight, weights["blocks.1.mlp.fc2.weight"])
    assert torch.equal(vit.pos_embed, weights["pos_embed"])


def test_fine_tuning_continues_an_imported_classifier(published_weights: Weights, tmp_path: Path):
    weights = published_weights("avg")
    run = take(written(tmp_path / "a.pth", weights), tmp_path / "run", **CLASSIFIER)

    vit = build_classifier(FinetuneConfig(architecture=SHAPE, init=run), 10).vit

    assert torch.equal(vit.head.weight, weights["head.weight"])


def test_pre_training_continues_from_an_imported_decoder(
    published_weights: Weights, tmp_path: Path
):
    weights = published_weights("pretraining")
    run = take(written(tmp_path / "a.pth", weights), tmp_path / "run", **PRETRAINING)
    config = PretrainConfig(architecture=SHAPE, decoder=DECODER)
    model = build_autoencoder(config)

    load_autoencoder(model, run, config)

    found = model.state_dict()
    assert all(torch.equal(found[name], value) for name, value in weights.items())


def test_pre_training_does_not_continue_from_an_encoder_alone(
    published_weights: Weights, tmp_path: Path
):
    file = written(tmp_path / "a.pth", published_weights("encoder"))
    run = take(file, tmp_path / "run", **PRETRAINING_OF["encoder"])
    config = PretrainConfig(architecture=SHAPE, decoder=DECODER)

    with pytest.raises(BadCheckpoint, match="mask_token is missing there"):
        load_autoencoder(build_autoencoder(config), run, config)
