"""Mixup and CutMix, against timm's own on the same draws."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from scipy import stats
from timm.data.mixup import Mixup
from torch import Tensor

from training.objectives.mixing import draw_lam, mix, mix_labels
from training.streams import stream

SIZE, CLASSES = 12, 5


def images() -> Tensor:
    return torch.rand(6, 3, SIZE, SIZE, generator=stream(0, "images"))


def labels() -> Tensor:
    return torch.tensor([0, 1, 2, 3, 4, 0])


def drawn_lam(alpha: float, generator: torch.Generator) -> float:
    """Beta(alpha, alpha), as the ratio of a gamma to the sum of two."""
    shape = torch.full((2,), alpha, dtype=torch.float64)
    first, second = torch._standard_gamma(shape, generator=generator).tolist()
    return first / (first + second)


def smoothed(classes: Tensor, smoothing: float) -> Tensor:
    one_hot = torch.nn.functional.one_hot(classes, CLASSES).float()
    return one_hot * (1 - smoothing) + smoothing / CLASSES


def timm_mixes(
    monkeypatch: pytest.MonkeyPatch, mixing: Mixup, lam: float, centre: Iterator[int]
) -> tuple[Tensor, Tensor]:
    """Images and labels mixed by timm, with these draws in place of its own."""
    monkeypatch.setattr(np.random, "beta", lambda *_: lam)
    monkeypatch.setattr(np.random, "randint", lambda *_, **__: next(centre))
    return mixing(images(), labels())


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("seed", range(4))
def test_mixup_is_timm_s(monkeypatch: pytest.MonkeyPatch, seed: int, smoothing: float):
    lam = draw_lam(SIZE, mixup=0.8, cutmix=0.0, generator=stream(seed, "mix"))
    theirs = Mixup(mixup_alpha=0.8, label_smoothing=smoothing, num_classes=CLASSES)

    number = drawn_lam(0.8, stream(seed, "mix"))
    pixels, targets = timm_mixes(monkeypatch, theirs, number, iter(()))

    torch.testing.assert_close(mix(images(), lam), pixels)
    torch.testing.assert_close(mix_labels(smoothed(labels(), smoothing), lam), targets)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("seed", range(12))
def test_cutmix_is_timm_s(monkeypatch: pytest.MonkeyPatch, seed: int, smoothing: float):
    lam = draw_lam(SIZE, mixup=0.0, cutmix=1.0, generator=stream(seed, "mix"))
    theirs = Mixup(
        mixup_alpha=0.0, cutmix_alpha=1.0, label_smoothing=smoothing, num_classes=CLASSES
    )

    generator = stream(seed, "mix")
    number = drawn_lam(1.0, generator)
    centre = torch.randint(SIZE, (2,), generator=generator).tolist()
    pixels, targets = timm_mixes(monkeypatch, theirs, number, iter(centre))

    assert torch.equal(mix(images(), lam), pixels)
    torch.testing.assert_close(mix_labels(smoothed(labels(), smoothing), lam), targets)


def test_an_image_is_mixed_with_its_mirror_place_in_the_batch():
    lam = torch.full((SIZE, SIZE), 0.75)

    mixed = mix(images(), lam)

    torch.testing.assert_close(mixed[1], 0.75 * images()[1] + 0.25 * images()[4])


@pytest.mark.parametrize("alpha", [0.2, 0.8, 1.0])
def test_lambda_has_the_beta_law(alpha: float):
    generator = stream(0, "mix")

    drawn = [draw_lam(1, mixup=alpha, cutmix=0.0, generator=generator).item() for _ in range(2000)]

    # Of 2,000 draws of the right law, one set in 10^6 is further from it than this (Kolmogorov).
    assert stats.kstest(drawn, stats.beta(alpha, alpha).cdf).statistic < 2.7 / 2000**0.5


def test_with_both_a_fair_coin_decides():
    generator = stream(0, "mix")

    maps = [draw_lam(8, mixup=0.8, cutmix=1.0, generator=generator) for _ in range(1000)]

    boxes = sum(bool(((lam == 0) | (lam == 1)).all()) for lam in maps)
    assert stats.binomtest(boxes, 1000, 0.5).pvalue > 1e-6


def test_mixing_draws_from_its_own_generator_alone():
    before = torch.get_rng_state()

    first, second = (
        draw_lam(8, mixup=0.8, cutmix=1.0, generator=stream(0, "mix")) for _ in range(2)
    )

    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), before)
