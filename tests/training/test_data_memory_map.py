"""Images decoded once: the cache, its refusals, several processes."""

import logging
import multiprocessing
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model_store.card import Preprocessing
from model_store.decoding import decode
from model_store.preprocessing import prepare
from training.config import DataConfig
from training.data import ImageSet, open_images
from training.errors import BadConfig, BadData
from training.locks import in_turn


def write_image(path: Path, *, size: tuple[int, int] = (16, 16)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    ramp = np.linspace(0, 255, size[0] * size[1] * 3).reshape(size[1], size[0], 3)
    Image.fromarray(ramp.astype(np.uint8)).save(path)
    return path


@pytest.fixture
def config(tmp_path: Path) -> DataConfig:
    write_image(tmp_path / "train/a/0.png")
    write_image(tmp_path / "train/b/0.png")
    return DataConfig(path=tmp_path / "train", cache=tmp_path / "cache")


def decoded_files(config: DataConfig) -> list[Path]:
    return [path for path in config.cache.iterdir() if path.suffix != ".lock"]


def test_images_come_in_the_order_of_classes_and_names(image_folder: Path, config: DataConfig):
    images = open_images(replace(config, path=image_folder), size=16)

    assert images.classes == ("blue", "green", "red")
    assert images.labels.tolist() == [0] * 8 + [1] * 8 + [2] * 8
    first = np.asarray(Image.open(image_folder / "blue" / "000.png")).transpose(2, 0, 1)
    assert (images.images[0] == first).all()


def test_images_are_decoded_once(config: DataConfig):
    open_images(config, size=16)
    (cached,) = decoded_files(config)
    written = cached.stat().st_mtime_ns

    open_images(config, size=16)

    assert cached.stat().st_mtime_ns == written


def test_a_changed_folder_is_decoded_anew(config: DataConfig):
    before = len(open_images(config, size=16).labels)
    write_image(config.path / "b/1.png")

    images = open_images(config, size=16)

    assert (before, len(images.labels), len(images.images)) == (2, 3, 3)


@pytest.mark.parametrize("size", [(40, 24), (9, 19), (33, 16)])
def test_other_sizes_are_resized_and_cropped_as_the_service_does_it(
    config: DataConfig, size: tuple[int, int]
):
    path = write_image(config.path / "a/0.png", size=size)
    preprocessing = Preprocessing(
        size=16, resize="bicubic", resize_shorter=16, mean=(0.0,) * 3, std=(1.0,) * 3
    )
    served = prepare(decode(path.read_bytes()), preprocessing).tensor

    images = open_images(config, size=16)

    assert abs(images.images[0] - served.clip(0, 1) * 255).max() <= 1.5


def turned() -> tuple[Image.Image, dict[str, object]]:
    exif = Image.Exif()
    exif[0x0112] = 6
    return Image.linear_gradient("L").resize((24, 16)).convert("RGB"), {"exif": exif}


def translucent() -> tuple[Image.Image, dict[str, object]]:
    image = Image.new("RGBA", (16, 16), (10, 200, 30))
    image.putalpha(Image.linear_gradient("L").resize((16, 16)))
    return image, {}


def of_a_palette() -> tuple[Image.Image, dict[str, object]]:
    image = Image.new("P", (16, 16), 1)
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.paste(0, (4, 4, 9, 9))
    return image, {"transparency": 0}


def of_16_bits() -> tuple[Image.Image, dict[str, object]]:
    ramp = np.linspace(0, 65_535, 256).astype(np.uint16)
    return Image.fromarray(ramp.reshape(16, 16)), {}


@pytest.mark.parametrize(
    ("make", "suffix"),
    [
        (turned, "jpg"),
        (turned, "png"),
        (turned, "webp"),
        (translucent, "png"),
        (of_a_palette, "png"),
        (of_16_bits, "png"),
    ],
)
def test_pictures_are_seen_as_the_service_sees_them(
    make: Callable[[], tuple[Image.Image, dict[str, object]]], suffix: str, config: DataConfig
):
    image, options = make()
    path = config.path / f"a/0.{suffix}"
    (config.path / "a/0.png").unlink()
    image.save(path, **options)
    preprocessing = Preprocessing(
        size=16, resize="bicubic", resize_shorter=16, mean=(0.0,) * 3, std=(1.0,) * 3
    )
    served = prepare(decode(path.read_bytes()), preprocessing).tensor

    images = open_images(config, size=16)

    assert abs(images.images[0] - served.clip(0, 1) * 255).max() <= 1.5


def test_images_are_stored_larger_than_they_are_used(config: DataConfig):
    config = replace(config, stored_size=24, crop_scale=(0.2, 1.0))

    images = open_images(config, size=16)

    assert images.images.shape == (2, 3, 24, 24)
    assert images.pixels(np.array([1])).shape == (1, 3, 16, 16)


def test_the_configuration_s_size_comes_before_the_network_s(config: DataConfig):
    images = open_images(replace(config, size=8), size=16)

    assert (images.size, images.images.shape[-1]) == (8, 8)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"stored_size": 8, "crop_scale": (0.2, 1.0)}, "at least the size 16, got 8"),
        ({"crop_padding": 16}, "below the size 16, got 16"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(
    config: DataConfig, values: dict[str, object], words: str
):
    with pytest.raises(BadConfig, match=words):
        open_images(replace(config, **values), size=16)


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\nhalf", "cut"])
def test_a_broken_image_is_named_and_leaves_no_cache(config: DataConfig, content: bytes | str):
    path = write_image(config.path / "b/broken.png")
    path.write_bytes(path.read_bytes()[:-40] if isinstance(content, str) else content)

    with pytest.raises(BadData, match=r"broken\.png cannot be decoded.*replace or remove it"):
        open_images(config, size=16)

    assert decoded_files(config) == []


def test_a_disk_without_room_is_refused_before_anything_is_decoded(
    config: DataConfig, monkeypatch: pytest.MonkeyPatch
):
    (config.path / "a/0.png").write_bytes(b"would be refused when decoded")
    usage = shutil.disk_usage(config.path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)

    with pytest.raises(BadData, match=r"cache has 1,000 bytes free .* need 1,536; make room"):
        open_images(config, size=16)


def test_a_disk_that_fills_up_while_decoding_is_an_error_of_ours(
    config: DataConfig, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("training.data.memory_map._write_images", full)

    with pytest.raises(BadData, match=r"partial cannot be written: .* No space left"):
        open_images(config, size=16)

    assert decoded_files(config) == []


def test_a_cache_that_cannot_be_written_is_named(config: DataConfig):
    config.cache.write_text("a file")

    with pytest.raises(BadData, match=r"cannot be written: .*; choose another --data\.cache"):
        open_images(config, size=16)


def test_what_a_killed_process_left_behind_is_cleared_away(config: DataConfig):
    open_images(config, size=16)
    (whole,) = decoded_files(config)
    content = whole.read_bytes()
    whole.rename(whole.with_suffix(".partial")).write_bytes(b"half")

    open_images(config, size=16)

    assert [path.read_bytes() for path in decoded_files(config)] == [content]


def test_processes_that_start_together_see_the_same_images(config: DataConfig):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["training.data.randaugment"])

    with ProcessPoolExecutor(2, mp_context=context) as pool:
        first, second = (pool.submit(open_images, config, size=16) for _ in range(2))

    assert (first.result().images == second.result().images).all()
    assert len(decoded_files(config)) == 1


def test_who_comes_second_waits_and_says_so(config: DataConfig, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    open_images(config, size=16)
    (whole,) = decoded_files(config)
    content = whole.read_bytes()
    whole.unlink()

    with ThreadPoolExecutor(1) as pool, in_turn(whole.with_suffix(".lock")):
        second = pool.submit(open_images, config, size=16)
        while "waiting for another process" not in caplog.text:
            assert not second.done()
        whole.write_bytes(content)

    assert isinstance(second.result(), ImageSet)
    assert caplog.text.count("decoding") == 1
