"""Which test images are certified, and from where."""

import hashlib
import pickle
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import CIFAR10

from training.config import EvaluateConfig
from training.errors import BadData
from training.evaluation.images import LabelledImage, choose_images

LABELS = ("red", "green", "blue")
CIFAR_LABELS = ("airplane", "bird", "cat")


def config(**fields: object) -> EvaluateConfig:
    return EvaluateConfig(model="m", **fields)  # pyright: ignore[reportArgumentType]


def chosen(folder: Path, **fields: object) -> list[tuple[int, int]]:
    images = choose_images(config(**fields), folder, LABELS)
    return [(image.index, image.label) for image in images]


@pytest.fixture
def cifar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three test images in CIFAR-10's own layout, with checksums to suit."""
    folder = tmp_path / CIFAR10.base_folder
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (3, 3072), dtype=np.uint8)
    batch = pickle.dumps({"data": pixels, "labels": [2, 0, 1]})
    meta = pickle.dumps({"label_names": list(CIFAR_LABELS)})
    (folder / "test_batch").write_bytes(batch)
    (folder / "batches.meta").write_bytes(meta)
    digests = [hashlib.md5(data, usedforsecurity=False).hexdigest() for data in (batch, meta)]
    monkeypatch.setattr(CIFAR10, "train_list", [])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", digests[0]]])
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": digests[1]})
    return tmp_path


def test_every_so_many_th_image_is_chosen(image_folder: Path):
    assert chosen(image_folder, stride=10) == [(0, 2), (10, 1), (20, 0)]


def test_the_first_and_the_number_can_be_given(image_folder: Path):
    assert chosen(image_folder, stride=3, start=7, max_images=2) == [(7, 2), (10, 1)]


def test_a_start_beyond_the_images_is_told(image_folder: Path):
    with pytest.raises(BadData, match="has 24 images; --start 24 is beyond them"):
        chosen(image_folder, start=24)


def test_classes_the_model_does_not_know_are_named(image_folder: Path):
    with pytest.raises(BadData, match="does not know: blue, red"):
        choose_images(config(), image_folder, ("green", "grey"))


def test_a_class_is_known_however_its_accents_are_written(image_folder: Path, tmp_path: Path):
    picture = next(image_folder.glob("*/*.png"))
    for name in (unicodedata.normalize("NFD", "Bär"), "Kuh"):
        (tmp_path / name).mkdir()
        shutil.copy(picture, tmp_path / name)

    images = choose_images(config(), tmp_path, ("Kuh", unicodedata.normalize("NFC", "Bär")))

    assert [image.label for image in images] == [1, 0]


def test_cifar_is_read_in_its_own_order(cifar: Path):
    images = choose_images(config(source="cifar10"), cifar, ("cat", *CIFAR_LABELS[:2]))

    assert [(image.index, image.label) for image in images] == [(0, 0), (1, 1), (2, 2)]
    assert images[0].decoded().pixels.shape == (32, 32, 3)


def test_the_folder_that_torchvision_made_does_too(cifar: Path):
    folder = cifar / CIFAR10.base_folder

    assert len(choose_images(config(source="cifar10"), folder, CIFAR_LABELS)) == 3


def test_a_data_set_that_is_not_whole_is_told_with_where_to_get_it(tmp_path: Path):
    with pytest.raises(BadData, match="CIFAR10 is not whole"):
        choose_images(config(source="cifar10"), tmp_path, CIFAR_LABELS)


def test_imagenets_validation_images_are_found_in_its_folder(image_folder: Path, tmp_path: Path):
    (tmp_path / "val").symlink_to(image_folder)

    assert len(choose_images(config(source="imagenet"), tmp_path, LABELS)) == 24


def test_pixels_in_memory_are_decoded_as_their_png_is(tmp_path: Path):
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    path = tmp_path / "x.png"
    Image.fromarray(pixels).save(path)

    ours, png = (
        LabelledImage(index=0, label=0, source=source).decoded() for source in (pixels, path)
    )

    assert np.array_equal(ours.pixels, png.pixels)
    assert ours.max_value == png.max_value


def test_a_folder_that_is_not_there_is_told_with_its_option(tmp_path: Path):
    with pytest.raises(BadData, match=r"nowhere is not a folder: --data says"):
        chosen(tmp_path / "nowhere")
