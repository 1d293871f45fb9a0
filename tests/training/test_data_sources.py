"""Folders, CIFAR, ImageNet and drawn shapes: what is read, and what is refused."""

import errno
import hashlib
import os
import re
import tarfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import CIFAR10, CIFAR100, ImageFolder

from training.config import DataConfig
from training.data import imagenet, list_images
from training.data.imagenet import DEVKIT, TRAIN
from training.data.shapes import CLASSES, draw_shapes
from training.data.sources import Source, open_source
from training.errors import BadConfig, BadData
from training.locks import in_turn


def write_image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 16), (10, 20, 30)).save(path)


def pixels(source: Source, index: int) -> np.ndarray:
    return np.asarray(source.read(index))


@pytest.fixture
def config(tmp_path: Path) -> DataConfig:
    return DataConfig(path=tmp_path / "data", cache=tmp_path / "cache")


def test_a_folder_is_listed_as_torchvision_lists_it(tmp_path: Path):
    for name in ("b/2.png", "b/10.png", "b/B.PNG", "a/x/1.png", "a/y.png", "C/0.jpeg", "C/1.webp"):
        write_image(tmp_path / name)
    (tmp_path / "a/notes.txt").write_text("no image")
    oracle = ImageFolder(str(tmp_path))

    listed = list_images(tmp_path)

    assert [(str(path), label) for path, label, _ in listed] == oracle.samples
    assert [name for _, _, name in listed] == [oracle.classes[label] for label in oracle.targets]


def test_a_missing_folder_is_named(tmp_path: Path):
    with pytest.raises(BadData, match=r"nowhere is not a folder.*--data\.path"):
        list_images(tmp_path / "nowhere")


def test_an_empty_folder_is_refused(tmp_path: Path):
    with pytest.raises(BadData, match="no class folders"):
        list_images(tmp_path)


def test_a_link_to_nothing_is_named(tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "zz.png").symlink_to(tmp_path / "gone")

    with pytest.raises(BadData, match=r"zz\.png cannot be read: .*; replace or remove it"):
        open_source(DataConfig(path=tmp_path))


@pytest.mark.parametrize("closed", [".", "b", "b/more"])
def test_a_folder_that_cannot_be_read_is_named_and_not_passed_over(
    closed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("a/0.png", "b/0.png", "b/more/1.png"):
        write_image(tmp_path / name)
    scan = os.scandir

    def guarded(path: str | Path) -> object:
        if Path(path) == tmp_path / closed:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", guarded)
    named = re.escape(str(tmp_path / closed))
    with pytest.raises(BadData, match=rf"{named} cannot be read: Permission denied; let this"):
        list_images(tmp_path)


@pytest.mark.parametrize("around", ["a", "a/more", "."])
def test_a_link_to_a_folder_around_it_is_refused(around: str, tmp_path: Path):
    for name in ("a/0.png", "a/more/1.png", "b/0.png"):
        write_image(tmp_path / name)
    (tmp_path / "a/more/again").symlink_to(tmp_path / around)

    with pytest.raises(BadData, match="again is a link to a folder that it is in; remove it"):
        list_images(tmp_path)


def test_a_link_to_a_folder_elsewhere_is_followed(tmp_path: Path):
    for name in ("data/a/0.png", "data/b/0.png", "elsewhere/1.png"):
        write_image(tmp_path / name)
    (tmp_path / "data/a/more").symlink_to(tmp_path / "elsewhere")

    assert [path.name for path, _, _ in list_images(tmp_path / "data")] == [
        "0.png",
        "1.png",
        "0.png",
    ]


def test_one_class_is_refused(tmp_path: Path):
    write_image(tmp_path / "only/0.png")

    with pytest.raises(BadData, match="one class only"):
        list_images(tmp_path)


def test_a_class_without_images_is_named(tmp_path: Path):
    write_image(tmp_path / "a/0.png")
    (tmp_path / "b").mkdir()

    with pytest.raises(BadData, match="b holds no images; add some, or remove the folder"):
        list_images(tmp_path)


def test_the_name_of_an_image_need_not_be_utf_8(config: DataConfig):
    for name in ("a/0.png", "b/0.png"):
        write_image(config.path / name)
    before = open_source(config)
    (config.path / "a/0.png").rename(config.path / os.fsdecode(b"a/caf\xe9.png"))

    source = open_source(config)

    assert pixels(source, 0).shape == (16, 16, 3)
    assert source.content != before.content


def test_a_class_whose_name_no_card_could_hold_is_refused(config: DataConfig):
    for name in (b"a/0.png", b"caf\xe9/0.png"):
        write_image(config.path / os.fsdecode(name))

    with pytest.raises(BadData, match=r"not UTF-8 \(b'caf\\xe9'\); rename it"):
        open_source(config)


def test_shapes_are_drawn_where_they_are_missing(config: DataConfig):
    config = replace(config, source="shapes", path=config.path / "train")

    source = open_source(config)

    assert source.classes == tuple(CLASSES) == ("cross", "disc", "ring", "stripes")
    assert np.bincount(source.labels).tolist() == [96] * 4
    assert pixels(source, 0).shape == (32, 32, 3)
    assert len(list_images(config.path.with_name("test"))) == 4 * 24
    assert sorted(path.name for path in config.path.parent.iterdir()) == ["test", "train"]


def test_shapes_are_the_same_each_time_and_differ_from_the_test_images(tmp_path: Path):
    for name in ("one", "other"):
        draw_shapes(tmp_path / name / "train")
    one, other, test = (
        [path.read_bytes() for path, _, _ in list_images(tmp_path / folder)]
        for folder in ("one/train", "other/train", "one/test")
    )

    assert one == other
    assert not set(one) & set(test)


def test_shapes_that_find_no_room_are_told_with_their_folder(
    config: DataConfig, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # Pillow names no file

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(BadData, match=rf"into {config.path.parent}: No space left .*--data\.path"):
        open_source(replace(config, source="shapes"))

    assert not config.path.exists()


def test_shapes_leave_an_existing_folder_alone(image_folder: Path, config: DataConfig):
    source = open_source(replace(config, source="shapes", path=image_folder))

    assert source.classes == ("blue", "green", "red")


class OldDtype:
    """What Python 2 pickled for uint8, of which numpy 2.4 warns."""

    def __reduce__(self) -> tuple[object, ...]:
        return np.dtype, ("u1", 0, 1)


class OldPixels:
    def __init__(self, images: np.ndarray) -> None:
        self._bytes = images.tobytes()

    def __reduce__(self) -> tuple[object, ...]:
        return np.frombuffer, (self._bytes, OldDtype())


def write_pickle(path: Path, value: object) -> str:
    import pickle  # the format of CIFAR's own files

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value, protocol=2))
    return hashlib.md5(path.read_bytes()).hexdigest()  # noqa: S324 - torchvision's checksums


@pytest.fixture
def cifar10(config: DataConfig, monkeypatch: pytest.MonkeyPatch) -> DataConfig:
    """Two batches of ten images in torchvision's layout; every byte of an image is its number."""
    folder = config.path / CIFAR10.base_folder
    numbers = np.arange(20, dtype=np.uint8).reshape(2, 10)
    lists = {
        name: [
            [
                f"{name}_{part}",
                write_pickle(
                    folder / f"{name}_{part}",
                    {"data": OldPixels(of.repeat(3072)), "labels": (of % 3).tolist()},
                ),
            ]
            for part, of in enumerate(numbers)
        ]
        for name in ("train", "test")
    }
    md5 = write_pickle(folder / "batches.meta", {"label_names": ["cat", "ant", "bee"]})
    monkeypatch.setattr(CIFAR10, "train_list", lists["train"])
    monkeypatch.setattr(CIFAR10, "test_list", lists["test"])
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": md5})
    return replace(config, source="cifar10")


@pytest.mark.parametrize("place", ["", CIFAR10.base_folder])
def test_cifar_is_read_in_torchvision_s_order(cifar10: DataConfig, place: str):
    source = open_source(replace(cifar10, path=cifar10.path / place))

    assert source.classes == ("cat", "ant", "bee")
    assert source.labels.tolist() == [number % 3 for number in range(20)]
    assert [pixels(source, index).flat[0] for index in range(20)] == list(range(20))
    assert pixels(source, 0).shape == (32, 32, 3)


def test_a_missing_and_a_broken_file_of_cifar_are_named(cifar10: DataConfig):
    folder = cifar10.path / CIFAR10.base_folder
    (folder / "train_0").unlink()
    (folder / "train_1").write_bytes(b"half")

    with pytest.raises(BadData, match=r"train_0 is missing, train_1 has a wrong checksum; add"):
        open_source(cifar10)


@pytest.mark.parametrize(("source", "kind"), [("cifar10", CIFAR10), ("cifar100", CIFAR100)])
def test_cifar_that_is_not_there_says_where_to_get_it(
    config: DataConfig, source: str, kind: type[CIFAR10]
):
    with pytest.raises(BadData, match=f"add --data.download, or unpack {kind.url} in"):
        open_source(replace(config, source=source))


def test_cifar_is_downloaded_by_torchvision_where_asked_for(
    cifar10: DataConfig, monkeypatch: pytest.MonkeyPatch
):
    folder = cifar10.path / CIFAR10.base_folder
    server = folder.rename(cifar10.path.with_name("server"))
    monkeypatch.setattr(CIFAR10, "download", lambda _: server.rename(folder) and None)

    assert len(open_source(replace(cifar10, download=True)).labels) == 20


def test_a_failed_download_says_what_to_do(config: DataConfig, monkeypatch: pytest.MonkeyPatch):
    def unreachable(_: CIFAR10) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(CIFAR10, "download", unreachable)

    with pytest.raises(BadData, match="no route to host; fetch https"):
        open_source(replace(config, source="cifar10", download=True))


@pytest.mark.parametrize("place", ["", "train"])
def test_imagenet_is_found_in_its_folder_and_around_it(config: DataConfig, place: str):
    write_image(config.path / "train/n01440764/0.JPEG")
    write_image(config.path / "train/n01443537/0.JPEG")

    source = open_source(replace(config, source="imagenet", path=config.path / place))

    assert source.classes == ("n01440764", "n01443537")


def test_imagenet_that_is_not_there_says_what_was_expected(config: DataConfig):
    with pytest.raises(BadData, match=r"n01440764.*ILSVRC2012_img_train\.tar; register"):
        open_source(replace(config, source="imagenet"))


def test_imagenet_that_was_half_unpacked_is_refused(config: DataConfig):
    write_image(config.path / "train/n01440764/0.JPEG")
    tarfile.open(config.path / "train/n01443537.tar", "w").close()

    with pytest.raises(BadData, match="train was not unpacked to the end; remove it"):
        open_source(replace(config, source="imagenet"))


def write_archives(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in (DEVKIT, TRAIN):
        (folder / name).write_bytes(b"damaged")


def test_imagenet_that_another_process_unpacks_is_waited_for(config: DataConfig):
    inner = config.path / "train/n01443537.tar"
    write_archives(config.path)
    write_image(config.path / "train/n01440764/0.JPEG")
    inner.touch()

    with ThreadPoolExecutor(1) as pool, in_turn(config.cache / "imagenet.lock"):
        source = pool.submit(open_source, replace(config, source="imagenet"))
        with pytest.raises(TimeoutError):
            source.result(timeout=0.2)
        write_image(inner.with_suffix("") / "0.JPEG")
        inner.unlink()

    assert source.result().classes == ("n01440764", "n01443537")


def test_damaged_archives_of_imagenet_are_named(config: DataConfig):
    write_archives(config.path)

    with pytest.raises(BadData, match=r"cannot be unpacked in .*devkit.* is corrupted"):
        open_source(replace(config, source="imagenet"))


def test_a_full_disk_is_told_with_what_was_being_unpacked(
    config: DataConfig, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    write_archives(config.path)
    monkeypatch.setattr(imagenet, "ImageNet", full)

    with pytest.raises(BadData, match=r"ImageNet cannot be unpacked in .*No space left"):
        open_source(replace(config, source="imagenet"))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"size": 0}, r"data\.size must be 1 or above, got 0"),
        ({"crop_padding": -1}, r"data\.crop_padding must be 0 or above"),
        ({"crop_scale": (0.5, 0.2)}, r"0 < low <= high <= 1, got 0\.5 0\.2"),
        ({"crop_scale": (0.0, 1.0)}, "0 < low"),
        ({"stored_size": 64}, "give a crop_scale"),
        ({"validation_every": 1}, "0 or above 1, got 1"),
        ({"randaugment": "rand-m9-x"}, "no RandAugment policy of timm: 'rand-m9-x'"),
        ({"randaugment": "augmix-m9"}, "no RandAugment policy"),
        ({"randaugment": "rand-m9", "on_device": "always"}, r"does not go with data\.on_device"),
        ({"workers": -1}, r"data\.workers must be 0 or above"),
        ({"std": (0.2, 0.0, 0.2)}, r"data\.std must be above 0"),
        ({"mean": (0.2, float("nan"), 0.2)}, r"data\.mean must be finite"),
    ],
)
def test_values_that_no_run_could_use_are_refused(values: dict[str, object], words: str):
    with pytest.raises(BadConfig, match=words):
        DataConfig(**values)


@pytest.mark.parametrize("policy", ["rand-m9-mstd0.5-inc1", "rand-m7-n3-p.3-mmax20-t3a", "rand"])
def test_policies_of_timm_are_accepted(policy: str):
    assert DataConfig(randaugment=policy).randaugment == policy
