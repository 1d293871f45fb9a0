"""Image folders, batches, augmentation."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from training.data import augment, batch_indices, open_images, split
from training.errors import BadData
from training.streams import stream


def write_image(path: Path, *, size: tuple[int, int] = (16, 16)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (10, 20, 30)).save(path)


def test_images_come_in_the_order_of_classes_and_names(image_folder: Path, cache: Path):
    images = open_images(image_folder, size=16, cache=cache)

    assert images.classes == ("blue", "green", "red")
    assert images.labels.tolist() == [0] * 8 + [1] * 8 + [2] * 8
    first = np.asarray(Image.open(image_folder / "blue" / "000.png")).transpose(2, 0, 1)
    assert (images.images[0] == first).all()


def test_images_are_decoded_once(image_folder: Path, tmp_path: Path):
    open_images(image_folder, size=16, cache=tmp_path)
    (cached,) = tmp_path.iterdir()
    written = cached.stat().st_mtime_ns

    open_images(image_folder, size=16, cache=tmp_path)

    assert cached.stat().st_mtime_ns == written


def test_a_changed_folder_is_decoded_anew(tmp_path: Path):
    write_image(tmp_path / "train/a/0.png")
    write_image(tmp_path / "train/b/0.png")
    before = len(open_images(tmp_path / "train", size=16, cache=tmp_path / "cache").labels)
    write_image(tmp_path / "train/b/1.png")

    images = open_images(tmp_path / "train", size=16, cache=tmp_path / "cache")

    assert (before, len(images.labels), len(images.images)) == (2, 3, 3)


def test_other_sizes_are_resized_and_cropped(tmp_path: Path):
    write_image(tmp_path / "train/a/0.png", size=(40, 24))
    write_image(tmp_path / "train/b/0.png", size=(7, 19))

    images = open_images(tmp_path / "train", size=16, cache=tmp_path / "cache")

    assert images.images.shape == (2, 3, 16, 16)


def test_a_missing_folder_is_named(tmp_path: Path):
    with pytest.raises(BadData, match="nowhere is not a folder"):
        open_images(tmp_path / "nowhere", size=16, cache=tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path):
    with pytest.raises(BadData, match="no class folders"):
        open_images(tmp_path, size=16, cache=tmp_path / "cache")


def test_one_class_is_refused(tmp_path: Path):
    write_image(tmp_path / "only/0.png")

    with pytest.raises(BadData, match="one class only"):
        open_images(tmp_path, size=16, cache=tmp_path / "cache")


def test_a_class_without_images_is_named(tmp_path: Path):
    write_image(tmp_path / "a/0.png")
    (tmp_path / "b").mkdir()

    with pytest.raises(BadData, match="b holds no images"):
        open_images(tmp_path, size=16, cache=tmp_path / "cache")


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\nhalf"])
def test_a_broken_image_is_named_and_leaves_no_cache(tmp_path: Path, content: bytes):
    write_image(tmp_path / "train/a/0.png")
    write_image(tmp_path / "train/b/0.png")
    (tmp_path / "train/b/broken.png").write_bytes(content)

    with pytest.raises(BadData, match=r"broken\.png cannot be decoded"):
        open_images(tmp_path / "train", size=16, cache=tmp_path / "cache")

    assert list((tmp_path / "cache").iterdir()) == []


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


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(BadData, match="batch of 9 needs as many images, there are 8"):
        batch_indices(np.arange(8), step=0, batch_size=9, seed=0)


def test_a_crop_is_a_window_of_the_padded_image():
    images = torch.randint(1, 255, (1, 3, 8, 8), generator=stream(0, "i"), dtype=torch.uint8)
    padded = torch.nn.functional.pad(images, (2, 2, 2, 2))
    windows = [padded[..., r : r + 8, c : c + 8] for r in range(5) for c in range(5)]

    crop = augment(images, padding=2, flip=False, generator=stream(1, "a"))

    assert any(torch.equal(crop, window) for window in windows)


def test_half_of_the_images_are_mirrored():
    images = torch.randint(0, 255, (200, 3, 4, 4), generator=stream(0, "i"), dtype=torch.uint8)

    flipped = augment(images, padding=0, flip=True, generator=stream(1, "a"))

    same = (flipped == images).flatten(1).all(dim=1)
    mirrored = (flipped == images.flip(3)).flatten(1).all(dim=1)
    assert (same | mirrored).all()
    assert 70 <= mirrored.sum() <= 130
