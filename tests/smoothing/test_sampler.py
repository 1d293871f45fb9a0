"""Votes are additive, repeatable, and the same however they are packed into batches."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from smoothing import (
    InvalidParams,
    Phase,
    SmoothingParams,
    UnsoundClassifier,
    Votes,
)
from smoothing.device_noise import DEVICE_SCHEME
from smoothing.philox import NOISE_SCHEME
from smoothing.sampler import Sampler, certify, count_votes
from tests.smoothing.drawing import KEY, SHAPE, draws, image, total

SELECTION, ESTIMATION = Phase.SELECTION, Phase.ESTIMATION


class Wrapped(nn.Module):
    """A classifier from a function of the flattened batch."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        """Whatever the function says."""
        return self.function(x.flatten(1))


def sampler_of(function, *, batch_size: int = 32) -> Sampler:
    classifier = Wrapped(function).eval()
    return Sampler(classifier, num_classes=3, input_shape=SHAPE, batch_size=batch_size)


def test_every_draw_votes_once_when_the_last_batch_is_short(linear_sampler) -> None:
    blocks = list(count_votes(linear_sampler(64), draws(0, 150)))

    assert [block.total for block in blocks] == [64, 64, 22]
    assert len(blocks[0].counts) == 5


@pytest.mark.parametrize("batch_size", [1, 7, 64, 256])
def test_votes_do_not_depend_on_the_batch_size(linear_sampler, batch_size: int) -> None:
    assert total(linear_sampler(batch_size), draws(3, 203)) == total(
        linear_sampler(50), draws(3, 203)
    )


def test_votes_do_not_depend_on_packing_or_order(linear_sampler) -> None:
    sampler = linear_sampler(64)
    parts = [
        draws(0, 10),
        draws(0, 12, phase=SELECTION),
        draws(5, 25, of=image(1), sigma=0.25),
        draws(7, 8, key=bytes(32)),
        draws(0, 21, numerics="fast"),
    ]

    alone = [sampler.run([part])[0] for part in parts]

    assert sampler.run(parts) == alone
    assert sampler.run(parts[::-1]) == alone[::-1]
    assert [votes.total for votes in alone] == [10, 12, 20, 1, 21]


def test_chunks_in_any_order_add_up_to_the_whole(linear_sampler) -> None:
    sampler = linear_sampler(64)
    chunks = [draws(40, 64), draws(0, 13), draws(13, 40)]

    votes = [sampler.run([chunk])[0] for chunk in chunks]

    assert sum(votes, Votes.none(5)) == sampler.run([draws(0, 64)])[0]


def test_the_same_address_votes_the_same(linear_sampler) -> None:
    assert total(linear_sampler(64), draws(0, 200)) == total(linear_sampler(64), draws(0, 200))


@pytest.mark.parametrize("other", [{"phase": SELECTION}, {"key": bytes(32)}])
def test_another_phase_or_key_votes_anew(linear_sampler, other) -> None:
    sampler = linear_sampler(64)

    assert total(sampler, draws(0, 500, **other)) != total(sampler, draws(0, 500))


def test_no_draws_are_no_votes(linear_sampler) -> None:
    assert linear_sampler(4).run([]) == []


def test_more_rows_than_the_batch_holds_are_refused(linear_sampler) -> None:
    with pytest.raises(InvalidParams, match="at most batch_size=8, got 9"):
        linear_sampler(8).run([draws(0, 4), draws(0, 5)])


def test_an_image_of_another_shape_is_refused(linear_sampler) -> None:
    with pytest.raises(InvalidParams, match=r"\(3, 8, 8\), got \(3, 4, 4\)") as caught:
        linear_sampler(8).run([draws(0, 4, of=np.zeros((3, 4, 4), dtype=np.float32))])
    assert caught.value.field == "image"


def test_an_empty_batch_is_refused() -> None:
    with pytest.raises(InvalidParams, match="batch_size must be at least 1, got 0"):
        sampler_of(lambda x: x[:, :3], batch_size=0)


@pytest.mark.parametrize("broken", [torch.nan, torch.inf, -torch.inf])
def test_rows_that_are_not_finite_vote_for_nothing(broken: float) -> None:
    """Argmax of a row of nan is 0: a broken classifier would certify class 0."""

    def fragile(x: Tensor) -> Tensor:
        logits = x[:, :3].clone()
        logits[x[:, 3] > 0.5, 2] = broken
        return logits

    sampler = sampler_of(fragile)
    what = draws(0, 32)

    votes = sampler.run([what])[0]

    expected = int((what.rows().reshape(32, -1)[:, 3] > 0.5).sum())
    assert 0 < votes.invalid == expected < 32
    assert votes.total == 32


def test_a_classifier_that_is_always_broken_certifies_nothing() -> None:
    sampler = sampler_of(lambda x: x[:, :3] * torch.nan)

    result = certify(sampler, image(), key=KEY, params=SmoothingParams(sigma=0.5, n0=10, n=100))

    assert result.abstained
    assert result.tally[SELECTION].invalid == 10


def test_equal_logits_vote_for_the_first_class() -> None:
    assert sampler_of(lambda x: x[:, :3] * 0).run([draws(0, 5)])[0].counts == (5, 0, 0)


class WithNormalisation(nn.Module):
    """Batch norm that uses the statistics of each batch even in eval mode."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(192, track_running_stats=False)

    def forward(self, x: Tensor) -> Tensor:
        """Normalised pixels as logits."""
        return self.norm(x.flatten(1))[:, :3]


def test_batch_statistics_are_refused() -> None:
    with pytest.raises(UnsoundClassifier, match="depend on the other rows"):
        Sampler(WithNormalisation().eval(), num_classes=3, input_shape=SHAPE, batch_size=32)


def test_a_part_in_training_mode_is_refused() -> None:
    classifier = WithNormalisation().eval()
    classifier.norm.train()

    with pytest.raises(UnsoundClassifier, match="BatchNorm1d is in training mode"):
        Sampler(classifier, num_classes=3, input_shape=SHAPE, batch_size=32)


COUPLED = {
    "scaled by the largest value of the batch": lambda x: x[:, :3] / x.abs().max(),
    "centred on the batch": lambda x: x[:, :3] - x[:, :3].mean(dim=0),
    "softmax over the batch": lambda x: x[:, :3].softmax(dim=0),
    "rounded on a scale of the batch": lambda x: (
        torch.round(x[:, :3] / x.abs().max() * 127) * x.abs().max() / 127
    ),
    "a capacity per batch": lambda x: torch.where(x[:, :1].cumsum(0) < 1, x[:, :3], 0 * x[:, :3]),
    "its neighbour's logits": lambda x: x[:, :3] + 0.01 * x[:, :3].roll(1, dims=0),
    "its place in the batch": lambda x: x[:, :3] + torch.arange(len(x))[:, None] % 2,
}


@pytest.mark.parametrize("function", COUPLED.values(), ids=COUPLED.keys())
@pytest.mark.parametrize("batch_size", [4, 32])
def test_rows_that_influence_each_other_are_refused(function, batch_size: int) -> None:
    with pytest.raises(UnsoundClassifier, match="would not be independent"):
        sampler_of(function, batch_size=batch_size)


@pytest.mark.parametrize(
    ("function", "got"),
    [
        (lambda x: x[:, :4], r"\(32, 4\)"),
        (lambda x: x[:16, :3], r"\(16, 3\)"),
        (lambda x: x[:, 0], r"\(32,\)"),
        (lambda x: (x[:, :3],), "tuple"),
    ],
)
def test_logits_of_another_shape_are_refused(function, got: str) -> None:
    with pytest.raises(UnsoundClassifier, match=rf"\(32, 3\), got {got}"):
        sampler_of(function)


def test_low_precision_is_the_classifiers_own_business() -> None:
    sampler = sampler_of(lambda x: x[:, :3].bfloat16())

    assert sampler.run([draws(0, 32)])[0].total == 32


def test_noise_on_a_cpu_is_the_hosts(linear_sampler) -> None:
    assert linear_sampler(4).noise_scheme("sound") == NOISE_SCHEME


def test_noise_on_an_accelerator_is_its_own_where_it_is_sound(linear_sampler) -> None:
    sampler = linear_sampler(4)
    sampler.device = torch.device("cuda")

    schemes = [sampler.noise_scheme(numerics) for numerics in ("sound", "fast")]

    assert schemes == [DEVICE_SCHEME, NOISE_SCHEME]


def test_a_certificate_is_drawn_in_the_numerics_that_it_states(linear_sampler) -> None:
    counted: dict[str, list[Votes]] = {}
    for numerics in ("sound", "fast"):
        params = SmoothingParams(sigma=0.5, mode="fixed", n0=100, n=1000, numerics=numerics)
        made = certify(linear_sampler(64), image(), key=KEY, params=params)
        expected = [
            total(linear_sampler(64), draws(0, stop, phase=phase, numerics=numerics))
            for phase, stop in ((SELECTION, 100), (ESTIMATION, 1000))
        ]
        counted[numerics] = [made.tally[phase] for phase in (SELECTION, ESTIMATION)]
        assert counted[numerics] == expected

    assert counted["sound"] != counted["fast"]


def test_speed_is_measured_in_draws(linear_sampler) -> None:
    assert linear_sampler(64).measure(seconds=0.05) > 64


@pytest.mark.parametrize("batch_size", [32, 64, 128])
def test_a_vision_transformers_logits_do_not_depend_on_place_or_batch_size(batch_size: int) -> None:
    """Equal to the last bit in float32 on a CPU, which is why packing cannot change votes."""
    from timm.models.vision_transformer import VisionTransformer

    classifier = VisionTransformer(
        img_size=32,
        patch_size=4,
        num_classes=10,
        global_pool="avg",
        embed_dim=192,
        depth=2,
        num_heads=3,
    ).eval()
    batch = torch.rand((batch_size, 3, 32, 32), generator=torch.Generator().manual_seed(0))

    with torch.inference_mode():
        logits = classifier(batch)
        moved = classifier(batch.roll(5, dims=0)).roll(-5, dims=0)
        halves = torch.cat([classifier(half) for half in batch.chunk(2)])

    assert torch.equal(logits, moved)
    assert torch.equal(logits, halves)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an accelerator")
def test_an_accelerator_counts_the_same_votes(linear_sampler) -> None:
    reference = linear_sampler(64)
    sampler = Sampler(
        reference._runtime._classifier,
        num_classes=5,
        input_shape=SHAPE,
        batch_size=64,
        device="cuda",
    )
    on_device = total(sampler, draws(0, 200))
    reference._runtime._classifier.cpu()

    assert on_device == total(reference, draws(0, 200))
