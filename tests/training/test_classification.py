"""The loss of fine-tuning, against its parts computed elsewhere."""

from dataclasses import replace

import pytest
import torch
from timm.data.mixup import mixup_target
from timm.loss import LabelSmoothingCrossEntropy, SoftTargetCrossEntropy
from torch import Tensor, nn
from torch.nn import functional

from training import recipes
from training.config import FinetuneConfig
from training.engine.shares import Batch
from training.errors import BadConfig
from training.objectives.classification import noisy_loss
from training.objectives.mixing import draw_lam, mix
from training.streams import stream

PLAIN = replace(recipes.smoke.finetune(), views=1, consistency=0.0, sigma=0.25)
MIXED = replace(PLAIN, mixup=0.8, cutmix=1.0, label_smoothing=0.1)
CLASSES = 7


class Linear(nn.Module):
    """A classifier that remembers what it was shown and what it said."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.randn(3 * 16 * 16, CLASSES, generator=stream(0, "weights")) / 9

    def forward(self, pixels: Tensor) -> Tensor:
        self.seen = pixels
        self.logits = pixels.flatten(1) @ self.weight
        return self.logits


def pixels() -> Tensor:
    return torch.rand(4, 3, 16, 16, generator=stream(0, "pixels"))


def labels() -> Tensor:
    return torch.tensor([0, 3, 6, 3])


def take(config: FinetuneConfig, *, seed: int = 0) -> tuple[Linear, Tensor]:
    network = Linear()
    batch = Batch(pixels=pixels(), labels=labels(), generator=stream(seed, "step"))
    return network, noisy_loss(network, batch, config)


def lam_of(config: FinetuneConfig, *, seed: int = 0) -> Tensor:
    return draw_lam(16, mixup=config.mixup, cutmix=config.cutmix, generator=stream(seed, "step"))


def consistency_of(logits: Tensor, *, views: int, weight: float, entropy: float) -> Tensor:
    """The term of Jeong and Shin by torch's own KL divergence; logits view after view."""
    log_p = functional.log_softmax(logits, dim=1).chunk(views)
    mean = torch.stack([each.exp() for each in log_p]).mean(dim=0)
    divergence = sum(functional.kl_div(each, mean, reduction="batchmean") for each in log_p) / views
    return weight * divergence - entropy * (mean * mean.log()).sum(dim=1).mean()


def test_a_single_view_is_plain_cross_entropy():
    network, loss = take(PLAIN)

    torch.testing.assert_close(loss, functional.cross_entropy(network.logits, labels()))


def test_label_smoothing_is_timm_s():
    network, loss = take(replace(PLAIN, label_smoothing=0.1))

    expected = LabelSmoothingCrossEntropy(0.1)(network.logits, labels())
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("views", [2, 3])
def test_every_view_of_every_image_has_noise_of_its_own(views: int):
    network, _ = take(replace(PLAIN, views=views))

    noise = (network.seen - pixels().repeat(views, 1, 1, 1)).flatten(1)
    assert noise.shape[0] == 4 * views
    assert torch.corrcoef(noise).fill_diagonal_(0).abs().max() < 0.2
    assert noise.std(dim=1).tolist() == pytest.approx([0.25] * 4 * views, abs=0.03)


def test_the_views_follow_one_another_as_whole_batches():
    network, _ = take(replace(PLAIN, views=2, sigma=0.0))

    assert torch.equal(network.seen, torch.cat([pixels(), pixels()]))


@pytest.mark.parametrize(("weight", "entropy"), [(2.0, 0.5), (2.0, 0.1), (10.0, 0.0)])
@pytest.mark.parametrize("views", [2, 3])
def test_the_loss_is_cross_entropy_of_all_views_plus_the_consistency_term(
    views: int, weight: float, entropy: float
):
    network, loss = take(replace(PLAIN, views=views, consistency=weight, entropy=entropy))

    expected = functional.cross_entropy(network.logits, labels().repeat(views))
    expected += consistency_of(network.logits, views=views, weight=weight, entropy=entropy)
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_mixed_targets_are_timm_s(seed: int, after: bool):
    config = replace(MIXED, views=2, mix_after_noise=after)
    network, loss = take(config, seed=seed)

    own = lam_of(config, seed=seed).mean().item()
    target = mixup_target(labels().repeat(2), CLASSES, own, smoothing=0.1)
    torch.testing.assert_close(loss, SoftTargetCrossEntropy()(network.logits, target))


@pytest.mark.parametrize("seed", range(4))
def test_images_mixed_before_the_noise_keep_its_sigma(seed: int):
    network, _ = take(MIXED, seed=seed)

    noise = network.seen - mix(pixels(), lam_of(MIXED, seed=seed))
    assert noise.flatten(1).std(dim=1).tolist() == pytest.approx([0.25] * 4, abs=0.03)


def test_images_mixed_after_the_noise_lose_a_part_of_it():
    config = replace(MIXED, cutmix=0.0, mix_after_noise=True)
    network, _ = take(config)

    lam = lam_of(config)
    own = lam.mean().item()
    noise = network.seen - mix(pixels(), lam)
    expected = 0.25 * (own**2 + (1 - own) ** 2) ** 0.5
    assert expected < 0.24
    assert noise.flatten(1).std(dim=1).tolist() == pytest.approx([expected] * 4, abs=0.03)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("after", [False, True])
def test_the_views_of_an_image_have_the_same_mixed_content(seed: int, after: bool):
    config = replace(MIXED, views=2, sigma=0.0, mix_after_noise=after)
    network, _ = take(config, seed=seed)

    first, second = network.seen.chunk(2)
    torch.testing.assert_close(first, second)
    torch.testing.assert_close(first, mix(pixels(), lam_of(config, seed=seed)))


def test_nothing_is_drawn_for_mixing_where_there_is_none():
    network, _ = take(PLAIN)

    noise = torch.randn(4, 3, 16, 16, generator=stream(0, "step"))
    assert torch.equal(network.seen, pixels() + 0.25 * noise)


@pytest.mark.parametrize("name", ["sigma", "consistency", "entropy", "mixup", "cutmix"])
def test_a_negative_value_is_refused_by_name(name: str):
    with pytest.raises(BadConfig, match=rf"{name} must be 0 or above and finite, got -0\.5"):
        replace(PLAIN, **{name: -0.5})


@pytest.mark.parametrize("name", ["label_smoothing", "drop_path"])
def test_a_share_of_one_is_refused_by_name(name: str):
    with pytest.raises(BadConfig, match=rf"{name} must be in \[0, 1\), got 1\.0"):
        replace(PLAIN, **{name: 1.0})


def test_a_consistency_term_needs_two_views():
    with pytest.raises(BadConfig, match=r"needs views 2 or above, got 1"):
        replace(PLAIN, consistency=2.0)
