"""Images in memory: an image folder decoded once, and batches of it by step number."""

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from training.errors import BadData
from training.streams import stream

logger = logging.getLogger(__name__)

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSet:
    """A decoded image folder.

    Attributes:
        images: (count, 3, size, size) uint8, memory-mapped.
        labels: Class index of each image.
        classes: Class names, alphabetical.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Indices of the images to train on and of those held out."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]


def list_images(folder: Path) -> list[tuple[Path, int, str]]:
    """(path, class index, class name) of each image, in ImageFolder order.

    Raises:
        BadData: The folder is missing or empty, has one class only, or a class without images.
    """
    if not folder.is_dir():
        raise BadData(f"{folder} is not a folder; it should hold one folder of images a class")
    classes = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    if not classes:
        raise BadData(f"{folder} holds no class folders")
    if len(classes) == 1:
        raise BadData(f"{folder} holds one class only ({classes[0]}); at least 2 are needed")
    listed: list[tuple[Path, int, str]] = []
    for label, name in enumerate(classes):
        paths = sorted(p for p in (folder / name).rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
        if not paths:
            raise BadData(f"{folder / name} holds no images")
        listed.extend((path, label, name) for path in paths)
    return listed


def open_images(folder: Path, *, size: int, cache: Path) -> ImageSet:
    """The images of a folder, decoded on the first use and memory-mapped from then on.

    The cache key covers every file's name, size and modification time, so a changed folder is
    decoded anew.

    Args:
        folder: ImageFolder layout.
        size: Side in pixels; other images are resized on the shorter side and cropped centrally.
        cache: Folder for the decoded images.

    Raises:
        BadData: See `list_images`; or an image cannot be decoded.
    """
    listed = list_images(folder)
    classes = tuple(dict.fromkeys(name for _, _, name in listed))
    labels = np.array([label for _, label, _ in listed], dtype=np.int64)
    path = cache / f"{_cache_key(folder, listed, size)}.npy"
    if not path.exists():
        _decode_all([image for image, _, _ in listed], path, size)
    return ImageSet(images=np.load(path, mmap_mode="r"), labels=labels, classes=classes)


def split(count: int, *, every: int) -> Split:
    """Holds out every `every`-th image of the training folder; none where `every` is 0."""
    index = np.arange(count, dtype=np.int64)
    held_out = index % every == every - 1 if every else np.zeros(count, dtype=bool)
    return Split(train=index[~held_out], validation=index[held_out])


def batch_indices(
    candidates: NDArray[np.int64], *, step: int, batch_size: int, seed: int
) -> NDArray[np.int64]:
    """Images of a step: consecutive pieces of one shuffle per epoch, the remainder dropped.

    Raises:
        BadData: There are fewer images than a batch holds.
    """
    per_epoch = len(candidates) // batch_size
    if per_epoch == 0:
        raise BadData(f"a batch of {batch_size} needs as many images, there are {len(candidates)}")
    epoch, place = divmod(step, per_epoch)
    order = torch.randperm(len(candidates), generator=stream(seed, "epoch", epoch)).numpy()
    return candidates[order[place * batch_size : (place + 1) * batch_size]]


def fetch(images: NDArray[np.uint8], index: NDArray[np.int64]) -> UInt8[Tensor, "b c h w"]:
    """The chosen images, copied out of the memory map."""
    return torch.from_numpy(np.ascontiguousarray(images[index]))


def as_pixels(images: UInt8[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Bytes as float32 pixels in [0, 1]."""
    return images.float() / 255


def augment(
    images: UInt8[Tensor, "b c h w"], *, padding: int, flip: bool, generator: torch.Generator
) -> UInt8[Tensor, "b c h w"]:
    """A random crop of each zero-padded image, mirrored half of the time.

    The generator is a CPU one, whatever the images are on.
    """
    batch, _, height, width = images.shape
    padded = torch.nn.functional.pad(images, (padding,) * 4)
    corner = torch.randint(0, 2 * padding + 1, (2, batch, 1), generator=generator)
    mirrored = torch.rand(batch, 1, generator=generator) < (0.5 if flip else 0.0)
    rows = corner[0] + torch.arange(height)
    columns = torch.arange(width).expand(batch, -1)
    columns = corner[1] + torch.where(mirrored, columns.flip(1), columns)
    return _gather(padded, rows.to(images.device), columns.to(images.device))


def _gather(
    images: UInt8[Tensor, "b c h w"], rows: Int[Tensor, "b r"], columns: Int[Tensor, "b k"]
) -> UInt8[Tensor, "b c r k"]:
    channels, width = images.shape[1], images.shape[3]
    tall = rows[:, None, :, None].expand(-1, channels, -1, width)
    wide = columns[:, None, None, :].expand(-1, channels, rows.shape[1], -1)
    return images.gather(2, tall).gather(3, wide)


def _cache_key(folder: Path, listed: Sequence[tuple[Path, int, str]], size: int) -> str:
    digest = hashlib.sha256(json.dumps([2, size]).encode())
    for path, _, _ in listed:
        stat = path.stat()
        digest.update(f"{path.relative_to(folder)}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:32]


def _decode_all(paths: Sequence[Path], target: Path, size: int) -> None:
    logger.info("decoding %d images, once", len(paths))
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(f".{os.getpid()}.partial")
    shape = (len(paths), 3, size, size)
    decoded = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
    try:
        for index, path in enumerate(paths):
            decoded[index] = _decode(path, size)
        decoded.flush()
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _decode(path: Path, size: int) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as opened:
            image = opened.convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise BadData(f"{path} cannot be decoded: {error}") from error
    if image.size != (size, size):
        scale = size / min(image.size)
        width, height = (max(size, round(side * scale)) for side in image.size)
        left, top = (width - size) // 2, (height - size) // 2
        image = image.resize((width, height), Image.Resampling.BICUBIC)
        image = image.crop((left, top, left + size, top + size))
    return np.asarray(image, dtype=np.uint8).transpose(2, 0, 1)
