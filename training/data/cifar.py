"""CIFAR-10 and CIFAR-100, as torchvision reads them."""

import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torchvision.datasets import CIFAR10, CIFAR100
from torchvision.datasets.utils import check_integrity

from training.config import DataConfig
from training.errors import BadData
from training.locks import in_turn

KINDS: Mapping[str, type[CIFAR10]] = {"cifar10": CIFAR10, "cifar100": CIFAR100}


def root_of(path: Path, kind: type[CIFAR10]) -> Path:
    """The folder around torchvision's own, whichever of the two a path names."""
    return path.parent if path.name == kind.base_folder else path


def load_cifar(root: Path, kind: type[CIFAR10], *, train: bool) -> CIFAR10:
    """The training or the test set, as torchvision has it.

    Raises:
        RuntimeError: It is not whole there.
    """
    with warnings.catch_warnings():
        # The files were pickled by Python 2, whose dtypes numpy 2.4 warns of.
        warnings.simplefilter("ignore", np.exceptions.VisibleDeprecationWarning)
        return kind(root, train=train, download=False)


def read_cifar(
    config: DataConfig, kind: type[CIFAR10]
) -> tuple[NDArray[np.uint8], NDArray[np.int64], tuple[str, ...]]:
    """Images (count, 32, 32, 3), class indices and class names of the training set.

    Args:
        config: Says where it is, and whether to download it.
        kind: torchvision's class.

    Raises:
        BadData: Files are missing or their checksums are wrong, or they cannot be downloaded.
    """
    root = root_of(config.path, kind)
    if config.download:
        with in_turn(config.cache / f"{kind.base_folder}.lock"):
            _download(root, kind)
    wrong = _wrong_files(root, kind)
    if wrong:
        raise BadData(
            f"{kind.__name__} is not whole in {root / kind.base_folder}: {', '.join(wrong)}; "
            f"add --data.download, or unpack {kind.url} in {root}"
        )
    train = load_cifar(root, kind, train=True)
    return train.data, np.array(train.targets, dtype=np.int64), tuple(train.classes)


def _download(root: Path, kind: type[CIFAR10]) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
        kind(root, train=True, download=True)
    except (OSError, RuntimeError, EOFError) as error:
        raise BadData(
            f"{kind.__name__} cannot be downloaded to {root}: {error}; "
            f"fetch {kind.url} by other means and unpack it there"
        ) from error


def _wrong_files(root: Path, kind: type[CIFAR10]) -> list[str]:
    expected = [*kind.train_list, *kind.test_list, [kind.meta["filename"], kind.meta["md5"]]]
    wrong: list[str] = []
    for name, md5 in expected:
        path = root / kind.base_folder / name
        if not path.is_file():
            wrong.append(f"{name} is missing")
        elif not check_integrity(str(path), md5):
            wrong.append(f"{name} has a wrong checksum")
    return wrong
