"""Masking keeps the lowest scores and can be undone."""

import torch

from training.network.masking import take_patches, visible_patches
from training.streams import stream


def test_the_patches_with_the_lowest_scores_are_kept():
    kept, _ = visible_patches(torch.tensor([[0.9, 0.1, 0.5, 0.2]]), mask_ratio=0.5)

    assert kept.tolist() == [[1, 3]]


def test_three_quarters_of_64_patches_leave_16():
    kept, _ = visible_patches(torch.rand(2, 64, generator=stream(0, "s")), mask_ratio=0.75)

    assert kept.shape == (2, 16)


def test_the_order_puts_every_patch_back():
    tokens = torch.rand(3, 8, 5, generator=stream(0, "t"))
    scores = torch.rand(3, 8, generator=stream(0, "s"))

    everything, restore = visible_patches(scores, mask_ratio=0.0)

    assert torch.equal(take_patches(take_patches(tokens, everything), restore), tokens)
