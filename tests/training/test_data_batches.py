"""Batches by step number: the same whoever asks, in whatever order, from wherever."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from training.config import DataConfig, LoopConfig
from training.data import BatchSource, ImageSet, batch_indices, open_images, split
from training.data.residence import resident
from training.errors import BadConfig, BadData
from training.streams import stream

LOOP = LoopConfig(steps=9, batch_size=8, shares=2, seed=3)


@pytest.fixture(scope="module")
def images() -> ImageSet:
    random = np.random.default_rng(0)
    return ImageSet(
        images=random.integers(0, 256, (30, 3, 12, 12), dtype=np.uint8),
        labels=np.arange(30) % 3,
        classes=("a", "b", "c"),
        size=12,
    )


def source(
    images: ImageSet, data: DataConfig | None = None, loop: LoopConfig = LOOP, **options: object
) -> BatchSource:
    candidates = np.arange(5, len(images.labels))
    return BatchSource(images, candidates, data or DataConfig(), loop, device="cpu", **options)


def taken(images: ImageSet, data: DataConfig, loop: LoopConfig = LOOP) -> Iterator[torch.Tensor]:
    with source(images, data, loop) as batches:
        for step in range(5):
            yield torch.cat([batches.share(step, number)[0] for number in range(loop.shares)])


def test_the_validation_images_are_held_out_of_the_training_ones():
    parts = split(100, every=50)

    assert parts.validation.tolist() == [49, 99]
    assert sorted([*parts.train, *parts.validation]) == list(range(100))


def test_nothing_is_held_out_where_not_asked_for():
    assert len(split(10, every=0).train) == 10


def test_an_epoch_sees_every_image_once():
    candidates = np.arange(10, 22)

    batches = [batch_indices(candidates, step=step, batch_size=4, seed=0) for step in range(3)]

    assert sorted(np.concatenate(batches)) == candidates.tolist()


def test_epochs_differ_in_their_order():
    candidates = np.arange(12)
    first, second = (
        batch_indices(candidates, step=step, batch_size=12, seed=0).tolist() for step in (0, 1)
    )

    assert first != second


def test_a_batch_larger_than_the_data_is_refused_before_the_first_step(images: ImageSet):
    with pytest.raises(BadData, match="batch of 26 needs as many images, there are 25; choose"):
        source(images, loop=replace(LOOP, batch_size=26))


def test_a_step_is_what_its_streams_say_recomputed_one_image_at_a_time(images: ImageSet):
    """25 candidates are 3 batches an epoch, so step 4 is the second of the second epoch."""
    order = torch.randperm(25, generator=stream(3, "epoch", 1)).tolist()[8:16]
    generator = stream(3, "augment", 4)
    corner = torch.randint(0, 9, (2, 8, 1), generator=generator)[..., 0].T.tolist()
    mirrored = torch.rand(8, 1, generator=generator)[:, 0] < 0.5
    expected = []
    for place, (top, left), mirror in zip(order, corner, mirrored, strict=True):
        padded = np.pad(images.images[5 + place], ((0, 0), (4, 4), (4, 4)))
        window = padded[:, top : top + 12, left : left + 12]
        expected.append(window[..., ::-1] if mirror else window)

    with source(images) as batches:
        shares = [batches.share(4, number) for number in (0, 1)]

    pixels, labels = (torch.cat(parts) for parts in zip(*shares, strict=True))
    assert torch.equal(pixels, torch.from_numpy(np.stack(expected)).float() / 255)
    assert labels.tolist() == [(5 + place) % 3 for place in order]


@pytest.mark.parametrize("crop_scale", [None, (0.3, 1.0)])
def test_the_shares_of_a_batch_do_not_depend_on_their_number(
    images: ImageSet, crop_scale: tuple[float, float] | None
):
    data = DataConfig(crop_scale=crop_scale)

    halves = list(taken(images, data))
    quarters = list(taken(images, data, replace(LOOP, shares=4)))

    assert all(map(torch.equal, halves, quarters))


def test_processes_that_ask_for_their_own_shares_see_the_same(images: ImageSet):
    with source(images) as alone, source(images, mine=[1]) as second:
        expected = [alone.share(step, number)[0] for step in range(4) for number in (0, 1)][1::2]
        seen = [second.share(step, 1)[0] for step in range(4)]

    assert all(map(torch.equal, expected, seen))


def test_a_resumed_run_sees_what_it_would_have_seen(images: ImageSet):
    with source(images) as killed, source(images) as resumed:
        expected = [killed.share(step, 0)[0] for step in range(7)]

        assert torch.equal(resumed.share(6, 0)[0], expected[6])
        assert torch.equal(resumed.share(2, 0)[0], expected[2])


@pytest.mark.parametrize("crop_scale", [None, (0.3, 1.0)])
def test_images_kept_on_the_device_give_the_same_batches(
    images: ImageSet, crop_scale: tuple[float, float] | None
):
    kept = DataConfig(on_device="always", crop_scale=crop_scale)

    assert all(
        map(torch.equal, taken(images, kept), taken(images, replace(kept, on_device="never")))
    )


def test_random_resized_crops_have_the_size_of_the_batch(images: ImageSet):
    smaller = replace(images, size=8)

    (first, *_) = taken(smaller, DataConfig(crop_scale=(0.2, 1.0), stored_size=12))

    assert first.shape == (8, 3, 8, 8)
    assert 0 <= first.min() < first.max() <= 1


def test_an_error_in_the_background_reaches_who_asks(
    images: ImageSet, monkeypatch: pytest.MonkeyPatch
):
    def failing(*_: object, **__: object) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr("training.data.batches.fetch", failing)

    with source(images) as batches, pytest.raises(OSError, match="the disk is gone"):
        batches.share(0, 0)


@pytest.mark.parametrize(
    ("on_device", "free", "kept"),
    [
        ("auto", 51_840, True),
        ("auto", 51_839, False),
        ("always", 12_960, True),
        ("never", 10**9, False),
    ],
)
def test_images_go_to_a_gpu_where_they_take_a_quarter_of_its_free_memory(
    images: ImageSet, on_device: str, free: int, kept: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (free, 10**12))
    monkeypatch.setattr(torch, "tensor", lambda values, **_: torch.from_numpy(values))

    there = resident(images, DataConfig(on_device=on_device), torch.device("cuda:0"))

    assert (there is not None) == kept


def test_images_that_do_not_fit_on_a_gpu_are_refused(
    images: ImageSet, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (10, 10**12))

    with pytest.raises(BadConfig, match="need 12,960 bytes and cuda:0 has 10 free; take auto"):
        resident(images, DataConfig(on_device="always"), torch.device("cuda:0"))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("on_device", ["always", "never"])
def test_a_gpu_sees_the_crops_that_a_cpu_sees(image_folder: Path, cache: Path, on_device: str):
    data = DataConfig(path=image_folder, cache=cache, on_device=on_device)
    images = open_images(data, size=16)
    index = np.arange(24)

    with (
        BatchSource(images, index, data, LOOP, device="cuda") as there,
        BatchSource(images, index, data, LOOP, device="cpu") as here,
    ):
        assert torch.equal(there.share(2, 1)[0].cpu(), here.share(2, 1)[0])
