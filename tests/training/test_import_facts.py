"""What a file does not say is asked for, and what contradicts it is refused."""

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from tests.training.foreign import CLASSIFIER, MEAN, PRETRAINING, STD, Weights, take, written
from training.config import ImportConfig
from training.errors import BadCheckpoint, BadConfig
from training.import_weights import import_weights

ARGS = argparse.Namespace(
    model="dmae_vit_base_patch16", sigma=0.5, mask_ratio=0.7, norm_pix_loss=False, device="cuda"
)


def test_pickled_args_say_what_they_know(published_weights: Weights, tmp_path: Path):
    file = written(tmp_path / "a.pth", published_weights("pretraining"), args=ARGS, epoch=1099)

    imported = import_weights(
        ImportConfig(
            file=file,
            out=tmp_path / "run",
            normalisation="imagenet",
            num_heads=3,
            decoder_num_heads=2,
        )
    )

    settings = json.loads((imported.run / "config.json").read_text())
    assert settings["corruption"]["sigma"] == 0.5
    assert settings["corruption"]["mask_ratio"] == 0.7
    assert settings["corruption"]["norm_pix"] is False
    assert settings["decoder"] == {"embed_dim": 16, "depth": 1, "num_heads": 2}
    assert "sigma 0.5: from the file's args" in str(imported)
    assert "objective dmae: from the file's args" in str(imported)
    assert "num-heads 3: as stated" in str(imported)


def test_all_that_is_missing_is_asked_for_at_once(published_weights: Weights, tmp_path: Path):
    file = written(tmp_path / "a.pth", published_weights("token"))

    with pytest.raises(BadConfig, match=r"--sigma .*--num-heads .*--normalisation .*--labels"):
        take(file, tmp_path / "run")

    assert not (tmp_path / "run").exists()


def test_the_heads_of_a_decoder_of_unusual_width_are_asked_for(
    published_weights: Weights, tmp_path: Path
):
    file = written(tmp_path / "a.pth", published_weights("pretraining"))

    with pytest.raises(BadConfig, match=r"--decoder-num-heads .*no usual number for width 16"):
        take(file, tmp_path / "run", **PRETRAINING | {"decoder_num_heads": None})


def test_the_certified_size_of_an_enlarged_cifar_image_is_asked_for(
    published_weights: Weights, tmp_path: Path
):
    file = written(tmp_path / "a.pth", published_weights("token"))

    with pytest.raises(BadConfig, match=r"--size \(side of the images .*: 32 if"):
        take(file, tmp_path / "run", **CLASSIFIER | {"size": None})


@pytest.mark.parametrize(
    ("args", "stated", "message"),
    [
        ({"sigma": 0.25}, {}, r"args say sigma 0\.25, --sigma says 0\.5"),
        ({"num_heads": 6}, {}, "args say num-heads 6, --num-heads says 3"),
        ({}, {"labels": "9"}, "--labels has 9 classes, the file's head has 10"),
        ({}, {"labels": "0"}, "--labels has 0 classes, the file's head has 10"),
        ({"labels": []}, {"labels": None}, "--labels has 0 classes, the file's head has 10"),
        ({}, {"labels": "no/such/file"}, "neither a number nor a text file"),
    ],
)
def test_a_contradiction_is_refused(
    published_weights: Weights, tmp_path: Path, args: Any, stated: Any, message: str
):
    file = written(tmp_path / "a.pth", published_weights("avg"), args=argparse.Namespace(**args))

    with pytest.raises(BadConfig, match=message):
        take(file, tmp_path / "run", **CLASSIFIER | stated)


@pytest.mark.parametrize("args", [{"nb_classes": 1000}, {"global_pool": False}])
def test_args_that_contradict_the_tensors_are_refused(
    published_weights: Weights, tmp_path: Path, args: Any
):
    file = written(tmp_path / "a.pth", published_weights("avg"), args=argparse.Namespace(**args))

    with pytest.raises(BadCheckpoint, match=f"its args say {next(iter(args))}"):
        take(file, tmp_path / "run", **CLASSIFIER)


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"objective": "mae"}, "--sigma goes with --objective dmae, not with mae"),
        ({"objective": "other", "sigma": None}, "--objective other is for encoders"),
        ({"objective": None, "sigma": None}, "--objective"),
        ({"id": "a.b", "licence": "MIT"}, "--id is for classifiers"),
    ],
)
def test_a_pretraining_is_asked_what_it_was_trained_for(
    published_weights: Weights, tmp_path: Path, stated: Any, message: str
):
    file = written(tmp_path / "a.pth", published_weights("pretraining"))

    with pytest.raises(BadConfig, match=message):
        take(file, tmp_path / "run", **PRETRAINING | stated)


def test_an_encoder_from_elsewhere_has_no_objective_of_ours(
    published_weights: Weights, tmp_path: Path
):
    file = written(tmp_path / "a.pth", published_weights("encoder"))

    run = take(file, tmp_path / "run", objective="other", normalisation="inception", num_heads=3)

    assert json.loads((run / "origin.json").read_text())["imported"]["objective"] == "other"


@pytest.mark.parametrize(
    "stated", [{"mean": MEAN}, {"mean": MEAN, "std": STD, "normalisation": "imagenet"}]
)
def test_a_normalisation_is_stated_once_and_whole(stated: Any):
    with pytest.raises(BadConfig, match="--mean"):
        ImportConfig(file=Path("a.pth"), **stated)
