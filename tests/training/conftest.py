"""Small image folders and runs of the smoke recipe."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from training import recipes
from training.config import (
    EvaluateConfig,
    ExportConfig,
    FinetuneConfig,
    LoopConfig,
    PretrainConfig,
)
from training.export import export
from training.finetune import finetune
from training.streams import stream

Shapes = dict[str, tuple[int, ...]]

# The smoke recipe's seconds are many for a test that needs any run.
FEW_STEPS = LoopConfig(
    steps=6, batch_size=8, threads=1, log_every=1, checkpoint_every=3, validate_every=0
)
EVALUATED = "tiny.test"
"""Id of the smoke model in the store that evaluations use."""
COLOURS = {"blue": (20, 20, 220), "green": (20, 220, 20), "red": (220, 20, 20)}


def draw_folder(folder: Path, *, images: int, size: int = 16) -> Path:
    """Class folders of noisy, plainly coloured images."""
    random = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for number in range(images):
            pixels = np.array(colour) + random.integers(-20, 20, (size, size, 3))
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{number:03d}.png")
    return folder


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_folder(tmp_path_factory.mktemp("images") / "train", images=8)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def pretrain_config(image_folder: Path, cache: Path) -> PretrainConfig:
    config = recipes.smoke.pretrain()
    data = replace(config.data, path=image_folder, cache=cache)
    return replace(config, data=data, loop=FEW_STEPS)


@pytest.fixture
def finetune_config(image_folder: Path, cache: Path) -> FinetuneConfig:
    config = recipes.smoke.finetune()
    data = replace(config.data, path=image_folder, cache=cache)
    return replace(config, data=data, loop=FEW_STEPS)


@pytest.fixture(scope="session")
def finetuned(image_folder: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run directory of the smoke fine-tuning."""
    out = tmp_path_factory.mktemp("runs") / "finetune"
    config = recipes.smoke.finetune()
    data = replace(config.data, path=image_folder, cache=cache)
    config = replace(config, data=data, loop=FEW_STEPS)
    finetune(config, out, origin={"recipe": "smoke", "arguments": ["--data.path", "/a/b/train"]})
    return out


@pytest.fixture(scope="session")
def published_shapes() -> Callable[..., Shapes]:
    """Names and shapes of the entries of the published checkpoints, by kind."""
    block = (
        "norm1.weight:D norm1.bias:D attn.qkv.weight:3D,D attn.qkv.bias:3D attn.proj.weight:D,D "
        "attn.proj.bias:D norm2.weight:D norm2.bias:D mlp.fc1.weight:4D,D mlp.fc1.bias:4D "
        "mlp.fc2.weight:D,4D mlp.fc2.bias:D"
    )
    encoder = (
        "cls_token:1,1,D pos_embed:1,T,D patch_embed.proj.weight:D,3,p,p patch_embed.proj.bias:D"
    )
    decoder = (
        "mask_token:1,1,d decoder_pos_embed:1,T,d decoder_embed.weight:d,D decoder_embed.bias:d "
        "decoder_norm.weight:d decoder_norm.bias:d decoder_pred.weight:P,d decoder_pred.bias:P"
    )
    norm, fc_norm = "norm.weight:D norm.bias:D", "fc_norm.weight:D fc_norm.bias:D"
    head = "head.weight:C,D head.bias:C"
    probe = (
        "head.0.running_mean:D head.0.running_var:D head.0.num_batches_tracked: "
        "head.1.weight:C,D head.1.bias:C"
    )
    kinds = {
        "pretraining": f"{norm} {decoder}",
        "encoder": norm,
        "avg": f"{fc_norm} {head}",
        "token": f"{norm} {head}",
        "probe": f"{norm} {probe}",
        "avg probe": f"{fc_norm} {probe}",
    }

    def shapes(
        kind: str,
        *,
        width: int = 24,
        depth: int = 2,
        patch: int = 4,
        grid: int = 4,
        classes: int = 10,
        decoder_width: int = 16,
        decoder_depth: int = 1,
    ) -> Shapes:
        words = f"{encoder} {kinds[kind]}"
        for number in range(depth):
            words += "".join(f" blocks.{number}.{entry}" for entry in block.split())
        if kind == "pretraining":
            for number in range(decoder_depth):
                entries = block.replace("D", "d").split()
                words += "".join(f" decoder_blocks.{number}.{entry}" for entry in entries)
        letters = {
            "D": width,
            "3D": 3 * width,
            "4D": 4 * width,
            "T": grid**2 + 1,
            "p": patch,
            "d": decoder_width,
            "3d": 3 * decoder_width,
            "4d": 4 * decoder_width,
            "P": 3 * patch**2,
            "C": classes,
        }
        return {
            name: tuple(letters.get(size) or int(size) for size in sizes.split(",") if size)
            for name, sizes in (entry.split(":") for entry in words.split())
        }

    return shapes


@pytest.fixture(scope="session")
def published_weights(published_shapes: Callable[..., Shapes]) -> Callable[..., dict[str, Tensor]]:
    """Random weights of a published checkpoint's kind."""

    def weights(kind: str, **sizes: int) -> dict[str, Tensor]:
        generator = stream(0, "published")
        drawn = {
            name: 0.3 * torch.randn(shape, generator=generator)
            for name, shape in published_shapes(kind, **sizes).items()
        }
        if "head.0.running_var" in drawn:
            drawn["head.0.running_var"] = drawn["head.0.running_var"].square() + 0.01
            drawn["head.0.num_batches_tracked"] = torch.tensor(7)
        return drawn

    return weights


@pytest.fixture(scope="session")
def exported(finetuned: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    export(ExportConfig(run=finetuned, id=EVALUATED, store=folder, measure_s=0.0))
    return folder


@pytest.fixture
def evaluation(exported: Path, image_folder: Path, tmp_path: Path) -> EvaluateConfig:
    return EvaluateConfig(
        model=EVALUATED,
        data=image_folder,
        store=exported,
        table=tmp_path / "table.tsv",
        stride=5,
        n0=10,
        n=20,
        batch_size=10,
        plot=False,
    )


def without_times(table: Path | None) -> list[str]:
    assert table is not None
    return [line.rsplit("\t", 1)[0] for line in table.read_text().splitlines()]
