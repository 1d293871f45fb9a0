"""What was imported goes back to the projects it came from, bit by bit."""

from pathlib import Path
from typing import Any

import pytest
import torch
from timm.models.vision_transformer import VisionTransformer

from tests.training.foreign import CLASSIFIER, PRETRAINING, Weights, take, written
from training.config import ExportConfig
from training.engine import checkpoints
from training.errors import BadConfig, DiskFull
from training.exchange.cards import classifier_tensors, store_run
from training.export import export


@pytest.mark.parametrize("kind", ["avg", "token", "probe"])
@pytest.mark.parametrize("form", ["official", "timm"])
def test_a_classifier_comes_back_bit_by_bit(
    published_weights: Weights, tmp_path: Path, form: Any, kind: str
):
    file = written(tmp_path / "a.pth", published_weights(kind))
    run = take(file, tmp_path / "run", **CLASSIFIER)

    back = export(ExportConfig(run=run, format=form))
    again = take(back, tmp_path / "again", **({} if form == "official" else CLASSIFIER))

    # timm has no probes: there the standardisation is folded into the linear layer
    load = checkpoints.load_weights if form == "official" else classifier_tensors
    ours, theirs = load(run), load(again)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert (run / "config.json").read_text() == (again / "config.json").read_text()
    assert store_run(run, tmp_path / "a").weights == store_run(again, tmp_path / "b").weights


def test_a_probe_leaves_as_it_came(published_weights: Weights, tmp_path: Path):
    weights = published_weights("probe")
    run = take(written(tmp_path / "a.pth", weights), tmp_path / "run", **CLASSIFIER)

    back = torch.load(export(ExportConfig(run=run, format="official")), weights_only=True)["model"]

    assert back.keys() == weights.keys()
    assert all(
        torch.equal(back[name], value) and back[name].dtype == value.dtype
        for name, value in weights.items()
    )


@pytest.mark.parametrize("kind", ["pretraining", "encoder"])
def test_a_pretraining_comes_back_bit_by_bit(published_weights: Weights, tmp_path: Path, kind: str):
    file = written(tmp_path / "a.pth", published_weights(kind))
    run = take(file, tmp_path / "run", **PRETRAINING)

    again = take(export(ExportConfig(run=run, format="official")), tmp_path / "again")

    ours, theirs = checkpoints.load_weights(run), checkpoints.load_weights(again)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert (run / "config.json").read_text() == (again / "config.json").read_text()


def test_timm_gets_the_encoder_of_a_pretraining(published_weights: Weights, tmp_path: Path):
    weights = published_weights("pretraining")
    run = take(written(tmp_path / "a.pth", weights), tmp_path / "run", **PRETRAINING)
    config = ExportConfig(run=run, format="timm", out=tmp_path / "encoder.pth")

    state = torch.load(export(config), weights_only=True)

    network = VisionTransformer(
        img_size=16, patch_size=4, embed_dim=24, depth=2, num_heads=3, num_classes=0
    )
    network.load_state_dict(state)
    assert torch.equal(network.norm.weight, weights["norm.weight"])


def test_the_official_file_opens_without_an_allow_list(published_weights: Weights, tmp_path: Path):
    run = take(
        written(tmp_path / "a.pth", published_weights("avg")), tmp_path / "run", **CLASSIFIER
    )

    saved = torch.load(export(ExportConfig(run=run, format="official")), weights_only=True)

    assert saved["model"].keys() == published_weights("avg").keys()
    assert (saved["args"]["nb_classes"], saved["args"]["global_pool"]) == (10, True)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full")
@pytest.mark.parametrize("form", ["official", "timm"])
def test_a_full_disk_is_told_as_such(published_weights: Weights, tmp_path: Path, form: Any):
    run = take(
        written(tmp_path / "a.pth", published_weights("avg")), tmp_path / "run", **CLASSIFIER
    )
    (tmp_path / "back.pth.partial").symlink_to("/dev/full")

    with pytest.raises(DiskFull, match=r"no room for .*back\.pth"):
        export(ExportConfig(run=run, format=form, out=tmp_path / "back.pth"))

    assert not (tmp_path / "back.pth").exists()


@pytest.mark.parametrize(("form", "name"), [("official", "a.safetensors"), ("timm", "a.npz")])
def test_a_file_name_that_does_not_fit_the_format_is_refused(
    published_weights: Weights, tmp_path: Path, form: Any, name: str
):
    run = take(
        written(tmp_path / "a.pth", published_weights("avg")), tmp_path / "run", **CLASSIFIER
    )

    with pytest.raises(BadConfig, match=name):
        export(ExportConfig(run=run, format=form, out=tmp_path / name))
