"""Small image folders and runs of the smoke recipe."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training import recipes
from training.config import FinetuneConfig, PretrainConfig
from training.finetune import finetune

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
    return replace(config, data=replace(config.data, path=image_folder, cache=cache))


@pytest.fixture
def finetune_config(image_folder: Path, cache: Path) -> FinetuneConfig:
    config = recipes.smoke.finetune()
    return replace(config, data=replace(config.data, path=image_folder, cache=cache))


@pytest.fixture(scope="session")
def finetuned(image_folder: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run directory of the smoke fine-tuning."""
    out = tmp_path_factory.mktemp("runs") / "finetune"
    config = recipes.smoke.finetune()
    config = replace(config, data=replace(config.data, path=image_folder, cache=cache))
    finetune(config, out, origin={"recipe": "smoke", "arguments": ["--data.path", "/a/b/train"]})
    return out
