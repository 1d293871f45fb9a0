"""Which images are certified: every so many-th of a labelled data set, in its own order."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from model_store.decoding import DecodedImage, decode
from model_store.errors import ImageError
from training.config import EvaluateConfig
from training.data import list_images
from training.data.cifar import KINDS, load_cifar, root_of
from training.errors import BadData

Source = Path | NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledImage:
    """An image, its place in the data set's order and its class.

    Attributes:
        index: From 0.
        label: Index among the model's labels.
        source: An image file, or uint8 pixels of shape (height, width, 3).
    """

    index: int
    label: int
    source: Source

    def decoded(self) -> DecodedImage:
        """The pixels, as the service would have them.

        Raises:
            BadData: The file cannot be read, or is no image that the service takes.
        """
        if not isinstance(self.source, Path):
            return DecodedImage(pixels=self.source, max_value=255, record={})
        try:
            return decode(self.source.read_bytes())
        except (OSError, ImageError) as error:
            raise BadData(f"{self.source} cannot be certified: {error}") from error

    def sha256(self) -> str:
        """Digest of the file or the pixels, in hex: another one where the image was changed.

        Raises:
            BadData: The file cannot be read.
        """
        if not isinstance(self.source, Path):
            return hashlib.sha256(self.source.tobytes()).hexdigest()
        try:
            return hashlib.sha256(self.source.read_bytes()).hexdigest()
        except OSError as error:
            raise BadData(f"{self.source} cannot be read: {error}") from error


def choose_images(config: EvaluateConfig, data: Path, labels: Sequence[str]) -> list[LabelledImage]:
    """The images that a configuration asks for; classes are matched to the labels by name.

    Raises:
        BadData: The data set is not there, has a class that is none of the labels, or has no
            image from `start` on.
    """
    # macOS writes the accents of a file's name apart from their letters.
    listed = [(source, normalize("NFC", name)) for source, name in _test_images(config, data)]
    numbers = {normalize("NFC", label): number for number, label in enumerate(labels)}
    strangers = sorted({name for _, name in listed} - numbers.keys())
    if strangers:
        raise BadData(f"{data} has classes the model does not know: {', '.join(strangers[:10])}")
    if config.start >= len(listed):
        raise BadData(f"{data} has {len(listed)} images; --start {config.start} is beyond them")
    chosen = range(config.start, len(listed), config.stride)[: config.max_images]
    return [
        LabelledImage(index=index, label=numbers[listed[index][1]], source=listed[index][0])
        for index in chosen
    ]


def _test_images(config: EvaluateConfig, data: Path) -> list[tuple[Source, str]]:
    if config.source in KINDS:
        return _cifar(config.source, data)
    if not data.is_dir():
        raise BadData(f"{data} is not a folder: --data says where the test images are")
    if config.source == "imagenet" and (data / "val").is_dir():
        data = data / "val"
    return [(path, name) for path, _, name in list_images(data)]


def _cifar(source: str, data: Path) -> list[tuple[Source, str]]:
    kind = KINDS[source]
    root = root_of(data, kind)
    try:
        test = load_cifar(root, kind, train=False)
    except RuntimeError as error:
        raise BadData(
            f"{kind.__name__} is not whole in {root / kind.base_folder}: unpack {kind.url} there"
        ) from error
    return [
        (pixels, test.classes[label]) for pixels, label in zip(test.data, test.targets, strict=True)
    ]
