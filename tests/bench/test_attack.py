"""The attack finds what there is to find, and nothing where there is nothing."""

import numpy as np
import pytest
import torch
from torch import nn

from bench import attack
from bench.attack import Attack

SHAPE = (3, 4, 4)


class HalfSpace(nn.Module):
    """Class 0 on one side of a plane that is `distance` away from the grey image."""

    def __init__(self, distance: float) -> None:
        super().__init__()
        self.distance = distance
        self.normal = torch.ones(SHAPE) / np.sqrt(np.prod(SHAPE))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        depth = self.distance - ((pixels - 0.5) * self.normal).flatten(1).sum(dim=1)
        return torch.stack([10 * depth, -10 * depth], dim=1)


def moved(distance: float, *, radius: float) -> float:
    """How far towards the plane the attack gets."""
    world = HalfSpace(distance)
    attacker = Attack(
        network=world,
        sigma=0.25,
        steps=10,
        samples=8,
        generator=torch.Generator().manual_seed(1),
    )
    grey = np.full(SHAPE, 0.5, dtype=np.float32)
    point = attacker.strongest(grey, 0, radius=radius)
    assert np.linalg.norm(point - grey) <= radius * (1 + 1e-5)
    return float(((point - grey) * world.normal.numpy()).sum())


def test_the_attack_goes_straight_to_the_nearest_plane():
    assert moved(0.5, radius=0.6) == pytest.approx(0.6, rel=1e-3)


def test_a_ball_that_ends_before_the_plane_holds_the_attack():
    assert moved(0.5, radius=0.45) < 0.5


@pytest.mark.slow
def test_a_quick_attack_says_what_it_found():
    section = attack.PART.section(["--quick"])

    [target] = section.targets
    assert target.measured.endswith("of 1")
    assert "nan" not in section.text
