"""From another project's checkpoint to a run, to a model in a store, and back."""

import argparse
import json
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional

from model_store.card import Architecture, load_card
from model_store.classifier import load_classifier
from training.config import (
    DecoderConfig,
    ExportConfig,
    FinetuneConfig,
    ImportConfig,
    PretrainConfig,
)
from training.engine import checkpoints
from training.errors import BadCheckpoint, BadConfig
from training.exchange import store_run
from training.export import export
from training.import_weights import import_weights
from training.network.classifier import build_classifier
from training.network.starting_weights import load_autoencoder
from training.pretrain import build_autoencoder
from training.streams import stream

Weights = Callable[..., dict[str, Tensor]]

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616)
CLASSIFIER: dict[str, Any] = {
    "sigma": 0.5,
    "normalisation": "cifar10",
    "labels": "10",
    "num_heads": 3,
    "size": 16,
}
PRETRAINING: dict[str, Any] = {
    "objective": "dmae",
    "sigma": 0.25,
    "normalisation": "imagenet",
    "num_heads": 3,
    "decoder_num_heads": 2,
}
PRETRAINING_OF = {
    "pretraining": PRETRAINING,
    "encoder": {"objective": "mae", "normalisation": "imagenet", "num_heads": 3},
}
SHAPE = Architecture(image_size=16, patch_size=4, embed_dim=24, depth=2, num_heads=3)
DECODER = DecoderConfig(embed_dim=16, depth=1, num_heads=2)
ARGS = argparse.Namespace(
    model="dmae_vit_base_patch16", sigma=0.5, mask_ratio=0.7, norm_pix_loss=False, device="cuda"
)


def take(file: Path, run: Path, **stated: Any) -> Path:
    return import_weights(ImportConfig(file=file, out=run, **stated)).run


def written(path: Path, weights: dict[str, Tensor], **others: Any) -> Path:
    torch.save({"model": weights, **others}, path)
    return path


def timm_logits(weights: dict[str, Tensor], pool: Any, pixels: Tensor) -> Tensor:
    """What timm's own network says to normalised images."""
    network = VisionTransformer(
        img_size=16,
        patch_size=4,
        embed_dim=24,
        depth=2,
        num_heads=3,
        num_classes=10,
        global_pool=pool,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
    )
    network.load_state_dict(weights)
    mean, std = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(STD).view(3, 1, 1)
    return network.eval()((pixels - mean) / std).detach()


def spelt_out(weights: dict[str, Tensor], pixels: Tensor) -> Tensor:
    """Features of the class token before the head, from matrix products alone."""
    width, heads = 24, 3
    mean, std = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(STD).view(3, 1, 1)
    w = {name: value.double() for name, value in weights.items()}

    def norm(name: str, x: Tensor) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        scaled = centred / (centred.square().mean(-1, keepdim=True) + 1e-6).sqrt()
        return scaled * w[f"{name}.weight"] + w[f"{name}.bias"]

    def linear(name: str, x: Tensor) -> Tensor:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    patches = functional.unfold(((pixels - mean) / std).double(), 4, stride=4).transpose(1, 2)
    kernel = w["patch_embed.proj.weight"].flatten(1)
    x = patches @ kernel.T + w["patch_embed.proj.bias"]
    x = torch.cat([w["cls_token"].expand(len(x), -1, -1), x], dim=1) + w["pos_embed"]
    for number in range(2):
        block = f"blocks.{number}"
        qkv = linear(f"{block}.attn.qkv", norm(f"{block}.norm1", x))
        q, k, v = qkv.unflatten(-1, (3, heads, width // heads)).permute(2, 0, 3, 1, 4)
        mixed = (q @ k.mT / math.sqrt(width // heads)).softmax(-1) @ v
        x = x + linear(f"{block}.attn.proj", mixed.transpose(1, 2).flatten(2))
        hidden = linear(f"{block}.mlp.fc1", norm(f"{block}.norm2", x))
        x = x + linear(f"{block}.mlp.fc2", functional.gelu(hidden))
    return norm("norm", x)[:, 0]


def stored_logits(run: Path, store: Path, pixels: Tensor) -> Tensor:
    """What the service would say."""
    target = export(ExportConfig(run=run, store=store, stored_as="float32", measure_s=0.0))
    return load_classifier(load_card(target / "card.json"), target)(pixels)


@pytest.fixture
def pixels() -> Tensor:
    return torch.rand(4, 3, 16, 16, generator=stream(0, "pixels"))


@pytest.mark.parametrize("pool", ["avg", "token"])
def test_an_imported_classifier_says_what_timm_says(
    published_weights: Weights, pixels: Tensor, tmp_path: Path, pool: str
):
    weights = published_weights(pool)

    run = take(written(tmp_path / "a.pth", weights), tmp_path / "run", **CLASSIFIER)

    torch.testing.assert_close(
        stored_logits(run, tmp_path / "store", pixels),
        timm_logits(weights, pool, pixels),
        rtol=1e-5,
        atol=1e-5,
    )


def test_an_imported_probe_says_what_the_batch_norm_said(
    published_weights: Weights, pixels: Tensor, tmp_path: Path
):
    weights = published_weights("probe")
    mean, variance = weights["head.0.running_mean"], weights["head.0.running_var"]
    normalised = (spelt_out(weights, pixels) - mean) / (variance.double() + 1e-6).sqrt()
    expected = normalised @ weights["head.1.weight"].double().T + weights["head.1.bias"]

    run = take(written(tmp_path / "a.pth", weights), tmp_path / "run", **CLASSIFIER)

    torch.testing.assert_close(
        stored_logits(run, tmp_path / "store", pixels), expected.float(), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("kind", ["avg", "token", "pretraining", "encoder"])
def test_the_tensors_are_taken_over_as_they_are(
    published_weights: Weights, tmp_path: Path, kind: str
):
    weights = published_weights(kind)
    stated = CLASSIFIER if kind in {"avg", "token"} else PRETRAINING

    run = take(written(tmp_path / "a.pth", weights), tmp_path / "run", **stated)

    found = checkpoints.load_weights(run)
    prefix = "vit." if stated is CLASSIFIER else ""
    assert found.keys() == {f"{prefix}{name}" for name in weights}
    assert all(torch.equal(found[f"{prefix}{name}"], value) for name, value in weights.items())


def test_files_of_nim_are_read_in_their_old_serialisation(
    published_weights: Weights, tmp_path: Path
):
    saved = {"classifier": published_weights("avg"), "optimizer": {}, "epoch": 3, "step": 0}
    torch.save(saved, tmp_path / "0099.pt", _use_new_zipfile_serialization=False)

    run = take(tmp_path / "0099.pt", tmp_path / "run", **CLASSIFIER)

    assert "vit.fc_norm.weight" in checkpoints.load_weights(run)


@pytest.mark.parametrize("prefix", ["module.", "module._orig_mod.", "_orig_mod.module."])
def test_a_bare_state_dict_of_data_parallel_training_is_read(
    published_weights: Weights, tmp_path: Path, prefix: str
):
    weights = published_weights("avg")
    save_file(
        {f"{prefix}{name}": value for name, value in weights.items()}, tmp_path / "a.safetensors"
    )

    run = take(tmp_path / "a.safetensors", tmp_path / "run", **CLASSIFIER)

    assert "vit.head.weight" in checkpoints.load_weights(run)


def test_half_precision_is_widened(published_weights: Weights, tmp_path: Path):
    weights = {name: value.bfloat16() for name, value in published_weights("token").items()}

    run = take(written(tmp_path / "a.pth", weights), tmp_path / "run", **CLASSIFIER)

    found = checkpoints.load_weights(run)["vit.head.weight"]
    assert found.dtype == torch.float32
    assert torch.equal(found, weights["head.weight"].float())


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


def test_weights_that_are_not_finite_are_named(published_weights: Weights, tmp_path: Path):
    weights = published_weights("avg")
    weights["fc_norm.bias"][0] = float("nan")

    with pytest.raises(BadCheckpoint, match=r"fc_norm\.bias holds numbers that are not finite"):
        take(written(tmp_path / "a.pth", weights), tmp_path / "run", **CLASSIFIER)


def test_a_directory_in_use_is_left_alone(published_weights: Weights, tmp_path: Path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "losses.csv").write_text("precious")

    with pytest.raises(BadCheckpoint, match="choose another --out"):
        take(written(tmp_path / "a.pth", published_weights("avg")), tmp_path / "run", **CLASSIFIER)

    assert (tmp_path / "run" / "losses.csv").read_text() == "precious"


def test_a_classifier_goes_into_a_store_with_what_was_stated(
    published_weights: Weights, tmp_path: Path
):
    (tmp_path / "names.txt").write_text("".join(f"bird {number}\n" for number in range(10)))
    file = written(tmp_path / "a.pth", published_weights("avg"))
    stated = CLASSIFIER | {"labels": str(tmp_path / "names.txt"), "size": 8}

    imported = import_weights(
        ImportConfig(
            file=file,
            out=tmp_path / "run",
            id="birds.a",
            store=tmp_path / "store",
            licence="MIT",
            measure_s=0.0,
            **stated,
        )
    )

    assert imported.model == tmp_path / "store" / "birds.a"
    card = load_card(imported.model / "card.json")
    assert (card.labels[9], card.sigmas, card.licence) == ("bird 9", (0.5,), "MIT")
    assert (card.preprocessing.size, card.architecture.image_size) == (8, 16)
    assert "labels 10 (bird 0, bird 1, ..., bird 9): as stated" in imported.facts
    assert "imported from a.pth" in card.description
    assert "DMAE" not in card.description
    (command,) = card.provenance.commands
    assert command == (
        "python -m training import --out runs/run a.pth --sigma 0.5 --normalisation cifar10 "
        "--labels names.txt --size 8 --num-heads 3"
    )


@pytest.mark.parametrize("config", [ImportConfig, ExportConfig])
def test_a_name_that_no_model_can_have_is_refused_at_once(config: Any):
    with pytest.raises(BadConfig, match="--id must match"):
        config(**{"file" if config is ImportConfig else "run": Path("a"), "id": "../a"})


def test_a_store_wants_noise(published_weights: Weights, tmp_path: Path):
    file = written(tmp_path / "a.pth", published_weights("avg"))

    with pytest.raises(BadConfig, match="--sigma must be above 0"):
        take(file, tmp_path / "run", **CLASSIFIER | {"sigma": 0.0, "id": "a.b", "licence": "MIT"})

    assert not (tmp_path / "run").exists()


def test_a_store_wants_the_licence():
    with pytest.raises(BadConfig, match="--licence"):
        ImportConfig(file=Path("a.pth"), id="birds.a")


@pytest.mark.parametrize(
    "stated", [{"mean": MEAN}, {"mean": MEAN, "std": STD, "normalisation": "imagenet"}]
)
def test_a_normalisation_is_stated_once_and_whole(stated: Any):
    with pytest.raises(BadConfig, match="--mean"):
        ImportConfig(file=Path("a.pth"), **stated)


@pytest.mark.parametrize("kind", ["avg", "token", "probe"])
@pytest.mark.parametrize("form", ["official", "timm"])
def test_a_classifier_comes_back_bit_by_bit(
    published_weights: Weights, tmp_path: Path, form: Any, kind: str
):
    file = written(tmp_path / "a.pth", published_weights(kind))
    run = take(file, tmp_path / "run", **CLASSIFIER)

    back = export(ExportConfig(run=run, format=form))
    again = take(back, tmp_path / "again", **({} if form == "official" else CLASSIFIER))

    ours, theirs = checkpoints.load_weights(run), checkpoints.load_weights(again)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert (run / "config.json").read_text() == (again / "config.json").read_text()
    assert store_run(run, tmp_path / "a").weights == store_run(again, tmp_path / "b").weights


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


@pytest.mark.parametrize(("form", "name"), [("official", "a.safetensors"), ("timm", "a.npz")])
def test_a_file_name_that_does_not_fit_the_format_is_refused(
    published_weights: Weights, tmp_path: Path, form: Any, name: str
):
    run = take(
        written(tmp_path / "a.pth", published_weights("avg")), tmp_path / "run", **CLASSIFIER
    )

    with pytest.raises(BadConfig, match=name):
        export(ExportConfig(run=run, format=form, out=tmp_path / name))
