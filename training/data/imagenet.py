"""ImageNet, as torchvision lays it out."""

import logging
from pathlib import Path

from torchvision.datasets import ImageNet

from training.config import DataConfig
from training.errors import BadData
from training.locks import in_turn

logger = logging.getLogger(__name__)

DEVKIT = "ILSVRC2012_devkit_t12.tar.gz"
TRAIN = "ILSVRC2012_img_train.tar"


def train_folder(config: DataConfig) -> Path:
    """The folder of the training images' class folders; the archives are unpacked if need be.

    Classes are named by their WordNet id, and numbered alphabetically as everywhere.

    Args:
        config: Its path is that folder itself, or the one around it, which may hold the archives
            instead.

    Raises:
        BadData: It is neither, or the archives are damaged or were not unpacked to the end.
    """
    path = config.path
    train = path / "train"
    if all((path / name).is_file() for name in (DEVKIT, TRAIN)):
        with in_turn(config.cache / "imagenet.lock"):  # another process may be unpacking them
            if not train.is_dir():
                _unpack(path)
    if any(train.glob("*.tar")):
        raise BadData(f"{train} was not unpacked to the end; remove it, to begin anew")
    if train.is_dir():
        return train
    if not any(path.glob("n*")):
        raise BadData(
            f"{path} holds neither ImageNet's class folders (n01440764, ...), nor a folder train "
            f"of them, nor the archives {DEVKIT} and {TRAIN}; register at image-net.org for them"
        )
    return path


def _unpack(path: Path) -> None:
    logger.info("unpacking %s, once", path / TRAIN)
    try:
        ImageNet(path, split="train")
    except (RuntimeError, OSError) as error:
        raise BadData(f"ImageNet cannot be unpacked in {path}: {error}") from error
