"""Another project's checkpoint becomes a run that says the same."""

import math
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional

from model_store.card import load_card
from model_store.classifier import load_classifier
from tests.training.foreign import CLASSIFIER, MEAN, PRETRAINING, STD, Weights, take, written
from training.config import ExportConfig
from training.engine import checkpoints
from training.errors import BadCheckpoint
from training.export import export
from training.streams import stream


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
    target = export(ExportConfig(run=run, store=store, measure_s=0.0))
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
