"""Folders of class folders, in the order of torchvision's ImageFolder."""

import os
from pathlib import Path
from typing import NoReturn

from torchvision.datasets.folder import IMG_EXTENSIONS

from training.errors import BadData


def list_images(folder: Path) -> list[tuple[Path, int, str]]:
    """(path, class index, class name) of each image.

    Raises:
        BadData: The folder is missing or empty, has one class only, or a class without images or
            whose name is not UTF-8; or a folder in it cannot be read, or links back.
    """
    if not folder.is_dir():
        raise BadData(
            f"{folder} is not a folder; it should hold one folder of images a class "
            "(--data.path says where it is)"
        )
    _, found, _ = next(os.walk(folder, onerror=_refuse))
    classes = sorted(found)
    if not classes:
        raise BadData(f"{folder} holds no class folders; put one folder of images a class into it")
    if len(classes) == 1:
        raise BadData(f"{folder} holds one class only ({classes[0]}); at least 2 are needed")
    listed: list[tuple[Path, int, str]] = []
    for label, name in enumerate(classes):
        _require_text(folder, name)
        paths = _images_below(folder / name)
        if not paths:
            raise BadData(
                f"{folder / name} holds no images; add some, or remove the folder "
                f"(images end in {', '.join(IMG_EXTENSIONS)})"
            )
        listed.extend((path, label, name) for path in paths)
    return listed


def _require_text(folder: Path, name: str) -> None:
    """A class's name becomes a label, which a card has to hold; that of an image may be any."""
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise BadData(
            f"{folder} holds a class folder whose name is not UTF-8 ({os.fsencode(name)!r}); "
            "rename it"
        ) from error


def _images_below(folder: Path) -> list[Path]:
    found: list[tuple[str, list[str]]] = []
    for root, _, names in os.walk(folder, followlinks=True, onerror=_refuse):
        _require_no_circle(Path(root))
        found.append((root, sorted(names)))
    return [
        Path(root, name)
        for root, names in sorted(found)
        for name in names
        if name.lower().endswith(IMG_EXTENSIONS)
    ]


def _require_no_circle(folder: Path) -> None:
    """Refuses a link to a folder around it, by which its images would be there forty times."""
    if folder.is_symlink() and folder.parent.resolve().is_relative_to(folder.resolve()):
        raise BadData(f"{folder} is a link to a folder that it is in; remove it")


def _refuse(error: OSError) -> NoReturn:
    """Without it a folder that cannot be read would be passed over."""
    raise BadData(
        f"{error.filename} cannot be read: {error.strerror}; let this user read it, or remove it"
    ) from error
