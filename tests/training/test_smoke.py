"""The whole way in an empty directory: from nothing to a certificate by one's own model."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

from model_store.classifier import load_classifier
from model_store.decoding import decode
from model_store.preprocessing import prepare
from model_store.registry import Registry
from smoothing.params import SmoothingParams
from smoothing.sampler import Sampler, certify

ROOT = Path(__file__).parents[2]
CHAIN = ("preview", "pretrain", "finetune", "linear-probe", "evaluate", "export")
MODEL = "smoke.dmae_s025"

Ended = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("smoke")


@pytest.fixture(scope="module")
def chain(directory: Path) -> Mapping[str, Ended]:
    """Each command with its recipe and nothing else, one after the other."""
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import training.__main__"
    return {
        command: subprocess.run(
            [sys.executable, "-c", program, command, "--recipe", "smoke"],
            cwd=directory,
            capture_output=True,
            text=True,
            check=False,
        )
        for command in CHAIN
    }


@pytest.mark.slow
@pytest.mark.parametrize("command", CHAIN)
def test_every_command_needs_only_its_recipe(command: str, chain: Mapping[str, Ended]):
    assert chain[command].returncode == 0, chain[command].stderr
    assert "Traceback" not in chain[command].stderr


@pytest.mark.slow
def test_each_command_takes_over_from_the_one_before(chain: Mapping[str, Ended]):
    assert "starting from runs/smoke/pretrain" in chain["finetune"].stderr
    assert "starting from runs/smoke/pretrain" in chain["linear-probe"].stderr
    assert "12 images, sigma 0.25" in chain["evaluate"].stdout
    assert chain["export"].stdout == f"runs/store/{MODEL}\n"


@pytest.mark.slow
def test_the_drawn_shapes_are_told_apart(chain: Mapping[str, Ended]):
    at_zero = next(line for line in chain["evaluate"].stdout.splitlines() if "0.00 " in line)

    assert float(at_zero.split()[1]) >= 0.5, "chance is 0.25"


@pytest.mark.slow
@pytest.mark.usefixtures("chain")
def test_the_exported_model_certifies_an_image(directory: Path):
    store = Registry(directory / "runs" / "store")
    card = store.get(MODEL)
    side = card.preprocessing.size
    sampler = Sampler(
        load_classifier(card, store.path(MODEL)),
        num_classes=card.num_classes,
        input_shape=(3, side, side),
        batch_size=20,
    )
    picture = next((directory / "runs" / "shapes" / "test" / "disc").iterdir())
    image = prepare(decode(picture.read_bytes()), card.preprocessing).tensor

    with torch.inference_mode():
        certificate = certify(
            sampler, image, key=bytes(32), params=SmoothingParams(sigma=0.25, n0=20, n=100)
        )

    assert card.labels == ("cross", "disc", "ring", "stripes")
    assert card.sigmas == (0.25,)
    assert certificate.abstained or 0 < certificate.radius <= certificate.radius_ceiling
