"""Where labelled images come from: what each kind of source lists, and how one image is read."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model_store.exif import orientation, upright
from training.config import DataConfig
from training.data.cifar import KINDS, read_cifar
from training.data.folders import list_images
from training.data.imagenet import train_folder
from training.data.shapes import draw_shapes
from training.errors import BadData


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Labelled images that have not been decoded yet.

    Attributes:
        labels: Class index of each image.
        classes: Class names, by index.
        digest: Changes when the images do, and when their files are copied.
        content: Changes when the images' names or sizes do.
        read: An image by its index, as RGB; it may be called from several threads.
    """

    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    digest: str
    content: str
    read: Callable[[int], Image.Image]


def open_source(config: DataConfig) -> Source:
    """The training images of a configuration, never the test ones.

    Raises:
        BadData: They are missing, of one class only, or not what the source is said to be.
    """
    if config.source in KINDS:
        return _from_cifar(config)
    if config.source == "imagenet":
        return _from_folder(train_folder(config))
    if config.source == "shapes":
        draw_shapes(config.path)
    return _from_folder(config.path)


def _from_folder(folder: Path) -> Source:
    listed = list_images(folder)
    paths = [path for path, _, _ in listed]
    digest, content = hashlib.sha256(), hashlib.sha256()
    for path in paths:
        stat = _status(path)
        # A name is bytes, which need not be UTF-8: archives of other systems have such names.
        sized = b"%s\0%d" % (os.fsencode(path.relative_to(folder)), stat.st_size)
        content.update(b"%s\n" % sized)
        digest.update(b"%s\0%d\n" % (sized, stat.st_mtime_ns))
    return Source(
        labels=np.array([label for _, label, _ in listed], dtype=np.int64),
        classes=tuple(dict.fromkeys(name for _, _, name in listed)),
        digest=digest.hexdigest(),
        content=content.hexdigest(),
        read=lambda index: _read_file(paths[index]),
    )


def _status(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise BadData(f"{path} cannot be read: {error.strerror}; replace or remove it") from error


def _from_cifar(config: DataConfig) -> Source:
    kind = KINDS[config.source]
    images, labels, classes = read_cifar(config, kind)
    checksums = str(kind.train_list)  # which were compared
    return Source(
        labels=labels,
        classes=classes,
        digest=checksums,
        content=hashlib.sha256(checksums.encode()).hexdigest(),
        read=lambda index: Image.fromarray(images[index]),
    )


def _read_file(path: Path) -> Image.Image:
    try:
        with Image.open(path) as opened:
            opened.load()  # of a PNG the orientation may stand behind the pixels
            return _as_served(opened)
    # Pillow's decoders raise these for a file that was cut short or is no image.
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise BadData(f"{path} cannot be decoded: {error}; replace or remove it") from error


def _as_served(image: Image.Image) -> Image.Image:
    """RGB as the service certifies it: upright, on white where there is alpha, 16 bits scaled.

    Not by the service's own decoder: training sets such as ImageNet have kinds that it refuses.
    """
    turn = orientation(image.info.get("exif"))
    if image.mode.startswith("I;16"):  # which Pillow would clip
        image = Image.fromarray((np.asarray(image) / 257).round().astype(np.uint8))
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    image = image.convert("RGB")
    return image if turn is None else Image.fromarray(upright(np.asarray(image), turn))
