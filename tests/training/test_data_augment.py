"""Crops, mirroring and resampling, against torchvision, Pillow and plain slices."""

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import ks_2samp
from torchvision.transforms import InterpolationMode, RandomResizedCrop
from torchvision.transforms.functional import resized_crop

from training.config import DataConfig
from training.data.augment import draw_boxes, draw_crops, draw_windows
from training.data.resample import axis_weights, resample, resized
from training.streams import stream


def pictures(count: int, *, side: int = 8, smooth: bool = False) -> torch.Tensor:
    images = torch.randint(0, 256, (count, 3, side, side), generator=stream(0, "i"))
    if smooth:
        images = torch.nn.functional.avg_pool2d(images.float(), 5, stride=1, padding=2)
    return images.to(torch.uint8)


def test_a_crop_is_the_window_of_the_padded_image_that_the_stream_says():
    images, batch, side, padding = pictures(32), 32, 8, 2
    generator = stream(1, "a")
    corner = torch.randint(0, 2 * padding + 1, (2, batch, 1), generator=generator).squeeze()
    mirrored = torch.rand(batch, 1, generator=generator) < 0.5
    padded = torch.nn.functional.pad(images, (padding,) * 4)
    windows = [
        image[:, top : top + side, left : left + side]
        for image, top, left in zip(padded, *corner.tolist(), strict=True)
    ]
    expected = [
        window.flip(2) if mirror else window
        for window, mirror in zip(windows, mirrored, strict=True)
    ]

    crops = draw_windows(batch, padding=padding, flip=True, generator=stream(1, "a"))

    assert torch.equal(crops.apply(images), torch.stack(expected))


@pytest.mark.parametrize("crop_scale", [None, (0.2, 1.0)])
def test_half_of_the_images_are_mirrored(crop_scale: tuple[float, float] | None):
    config = DataConfig(crop_scale=crop_scale)

    crops = draw_crops(config, 1000, side=8, size=8, generator=stream(1, "a"))

    assert 440 <= crops.mirrored.sum() <= 560


@pytest.mark.parametrize("crop_scale", [None, (0.2, 1.0)])
def test_a_part_of_the_crops_gives_the_part_of_the_images(
    crop_scale: tuple[float, float] | None,
):
    config, images, chosen = DataConfig(crop_scale=crop_scale), pictures(12), slice(3, 9)
    crops = draw_crops(config, 12, side=8, size=8, generator=stream(1, "a"))

    part = crops.part(chosen).apply(images[chosen])

    assert torch.equal(part, crops.apply(images)[chosen])


@pytest.mark.parametrize(
    ("first", "length"), [((0, 0), (9, 9)), ((3, 5), (24, 17)), ((0, 2), (32, 30))]
)
@pytest.mark.parametrize("size", [8, 16, 24])
def test_a_box_is_resized_as_pillow_does_it(
    first: tuple[int, int], length: tuple[int, int], size: int
):
    """Pillow computes in fixed point and rounds between its two passes: a level or so."""
    (image,) = images = pictures(1, side=32, smooth=True)
    pillow = Image.fromarray(image.permute(1, 2, 0).numpy())
    expected = resized_crop(pillow, *first, *length, [size, size], InterpolationMode.BICUBIC)

    ours = resample(
        images,
        torch.tensor(first)[:, None],
        torch.tensor(length)[:, None],
        torch.tensor([False]),
        size,
    )

    difference = ours[0].permute(1, 2, 0).numpy().astype(int) - np.asarray(expected)
    assert abs(difference).max() <= 1


def test_a_mirrored_box_is_the_mirror_image():
    images, first, length = pictures(2), torch.tensor([[1], [2]]), torch.tensor([[5], [6]])
    first, length = first.expand(2, 2), length.expand(2, 2)

    plain = resample(images, first, length, torch.tensor([False, False]), 8)
    mirrored = resample(images, first, length, torch.tensor([False, True]), 8)

    assert torch.equal(mirrored[0], plain[0])
    assert torch.equal(mirrored[1], plain[1].flip(2))


def test_a_batch_of_any_size_is_resampled_whole():
    images = pictures(300)

    together = resized(images, 4)

    assert torch.equal(together[-1:], resized(images[-1:], 4))
    assert together.shape == (300, 3, 4, 4)


def test_images_of_the_right_size_are_left_alone():
    images = pictures(2)

    assert resized(images, 8) is images


def test_nothing_outside_the_box_counts():
    weights = axis_weights(torch.tensor([2]), torch.tensor([4]), 6, 10)

    assert weights[..., :2].abs().max() == weights[..., 6:].abs().max() == 0
    assert weights.sum(dim=2).allclose(torch.tensor(1.0))


@pytest.mark.parametrize("scale", [(0.08, 1.0), (0.2, 1.0)])
def test_boxes_are_distributed_as_torchvision_s(scale: tuple[float, float]):
    side, count = 224, 3000
    image = torch.empty(1, side, side)
    with torch.random.fork_rng():
        torch.random.set_rng_state(stream(0, "oracle").get_state())
        theirs = np.array(
            [RandomResizedCrop.get_params(image, list(scale), [3 / 4, 4 / 3]) for _ in range(count)]
        )

    boxes = draw_boxes(count, scale, side=side, size=side, flip=True, generator=stream(0, "ours"))

    ours = torch.cat([boxes.first, boxes.length]).T.numpy()
    figures = [*ours.T, ours[:, 2] * ours[:, 3], ours[:, 2] / ours[:, 3]]
    expected = [*theirs.T, theirs[:, 2] * theirs[:, 3], theirs[:, 2] / theirs[:, 3]]
    assert min(ks_2samp(a, b).pvalue for a, b in zip(figures, expected, strict=True)) > 1e-3


def test_boxes_lie_in_the_image():
    boxes = draw_boxes(5000, (0.5, 1.0), side=9, size=9, flip=False, generator=stream(0, "b"))

    assert boxes.first.min() == 0
    assert (boxes.first + boxes.length).max() == 9
    assert not boxes.mirrored.any()


def test_a_share_that_never_fits_gives_the_whole_image():
    """Of a 1 x 1 image, a box of at most a hundredth of its area has a side of 0."""
    boxes = draw_boxes(3, (1e-6, 1e-2), side=1, size=1, flip=False, generator=stream(0, "b"))

    assert boxes.length.tolist() == [[1] * 3] * 2
