"""Images decoded once into one file, and memory-mapped from then on."""

import hashlib
import json
import logging
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.config import DataConfig
from training.data.image_set import ImageSet
from training.data.sources import Source, open_source
from training.errors import BadData
from training.locks import in_turn
from training.progress import reporting

logger = logging.getLogger(__name__)

# Raised when the same source would be decoded into other bytes.
VERSION = 4
_AT_ONCE = 256


def open_images(config: DataConfig, *, size: int, source: Source | None = None) -> ImageSet:
    """The training images of a configuration, decoded on the first use.

    The file's name covers every image's name, size and modification time, so a changed folder is
    decoded anew. Of several processes one decodes, the others wait.

    Args:
        config: Says where the images are and in which size they are kept; other images are resized
            on the shorter side and cropped centrally.
        size: Side in pixels of the images in a batch, where the configuration does not say.
        source: What `open_source` made of the configuration, to save listing the images again.

    Raises:
        BadData: There is nothing to train on, an image cannot be decoded, or there is no room.
        BadConfig: The sizes do not fit together.
    """
    size = config.size or size
    side = config.stored_side(size)
    source = source or open_source(config)
    path = config.cache / f"{_key(source, side)}.npy"
    if not path.exists():
        with in_turn(path.with_suffix(".lock")):
            if not path.exists():
                _decode_all(source, path, side)
    images = np.load(path, mmap_mode="r")
    return ImageSet(images=images, labels=source.labels, classes=source.classes, size=size)


def _key(source: Source, side: int) -> str:
    return hashlib.sha256(json.dumps([VERSION, side, source.digest]).encode()).hexdigest()[:32]


def _decode_all(source: Source, target: Path, side: int) -> None:
    shape = (len(source.labels), 3, side, side)
    logger.info("decoding %d images, once", len(source.labels))
    # The lock is ours, so what a killed process left behind is nobody's any more.
    partial = target.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    _require_room(target.parent, int(np.prod(shape)))
    try:
        with partial.open("wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            _write_images(file, source, side)
            os.fsync(file.fileno())
        partial.replace(target)
    except OSError as error:
        raise BadData(f"{partial} cannot be written: {error}") from error
    finally:
        partial.unlink(missing_ok=True)


def _require_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise BadData(
            f"{folder} has {free:,} bytes free and the decoded images need {needed:,}; make room, "
            "or choose another --data.cache or a smaller --data.stored-size"
        )


def _write_images(file: BinaryIO, source: Source, side: int) -> None:
    # Pillow lets go of the interpreter while it decodes and resizes, so threads are enough.
    count = len(source.labels)

    def decoded(index: int) -> bytes:
        return _planes(source.read(index), side).tobytes()

    with (
        ThreadPoolExecutor(os.cpu_count()) as pool,
        reporting("decode", count) as report,
    ):
        for start in range(0, count, _AT_ONCE):
            chosen = range(start, min(start + _AT_ONCE, count))
            file.writelines(pool.map(decoded, chosen))
            report(chosen.stop, "images")


def _planes(image: Image.Image, side: int) -> NDArray[np.uint8]:
    if image.size != (side, side):
        shorter = min(image.size)
        width, height = (side * length // shorter for length in image.size)
        left, top = round((width - side) / 2), round((height - side) / 2)
        image = image.resize((width, height), Image.Resampling.BICUBIC)
        image = image.crop((left, top, left + side, top + side))
    return np.asarray(image, dtype=np.uint8).transpose(2, 0, 1)
