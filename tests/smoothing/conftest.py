"""Classifiers whose truth is known, and a key."""

import json
import subprocess
import sys

import pytest
import torch
from hypothesis import settings
from torch import Tensor, nn

from smoothing.sampler import Sampler

# A loaded machine is no failure, and a run is the same each time.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


class HalfSpace(nn.Module):
    """Class 1 where the mean pixel is above 1/2: the true radius is the distance to the plane."""

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the two sides."""
        score = x.mean(dim=(1, 2, 3)) - 0.5
        return torch.stack([-score, score], dim=1)


class RandomLinear(nn.Module):
    """Five classes of a fixed random linear map."""

    def __init__(self) -> None:
        super().__init__()
        weights = torch.randn(5, 3 * 8 * 8, generator=torch.Generator().manual_seed(1))
        self.register_buffer("weights", weights)

    def forward(self, x: Tensor) -> Tensor:
        """Logits, row by row."""
        return x.flatten(1) @ self.weights.T


@pytest.fixture
def key() -> bytes:
    return bytes(range(32))


@pytest.fixture
def half_space() -> Sampler:
    return Sampler(HalfSpace().eval(), num_classes=2, input_shape=(3, 8, 8), batch_size=256)


@pytest.fixture
def linear_sampler():
    def build(batch_size: int) -> Sampler:
        return Sampler(
            RandomLinear().eval(), num_classes=5, input_shape=(3, 8, 8), batch_size=batch_size
        )

    return build


@pytest.fixture(scope="session")
def untyped_process():
    """A Python without the annotations' run-time check, as production has it."""
    code = (
        "import json, sys\n"
        "from smoothing import InvalidParams, SmoothingParams\n"
        "for line in sys.stdin:\n"
        "    try: answer = repr(SmoothingParams(**json.loads(line)))\n"
        "    except InvalidParams as error: answer = ['InvalidParams', error.field]\n"
        "    print(json.dumps(answer), flush=True)\n"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True) as it:
        yield it
        it.stdin.close()


@pytest.fixture
def untyped(untyped_process):
    """Make parameters there: their repr, or the refusal's name and field."""

    def ask(values: dict[str, object]) -> object:
        untyped_process.stdin.write(json.dumps(values) + "\n")
        untyped_process.stdin.flush()
        return json.loads(untyped_process.stdout.readline())

    return ask
