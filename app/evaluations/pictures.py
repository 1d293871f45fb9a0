"""The labelled images of a request: an archive's, or those that came one by one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from app.errors import FieldError, InvalidRequest
from app.evaluations.archive import Archive, ArchiveLimits
from app.evaluations.errors import EvaluationTooLarge
from app.multipart import Part

ARCHIVE, IMAGE, LABEL = "archive", "image", "label"
_FOLDERS = 2
"""Parts of a path: the class, and the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image that was sent.

    Attributes:
        name: Of its file.
        label: As it was given; None where none was.
        size: Bytes that it has, unless `read` finds that it is damaged.
        read: Gives its bytes; raises UnreadableEntry.
    """

    name: str
    label: str | None
    size: int
    read: Callable[[], bytes]


def pictures_of(parts: Sequence[Part], limits: ArchiveLimits) -> list[Picture]:
    """All images of a form, in the order that they will have.

    Raises:
        InvalidRequest: There is neither an archive nor an image, or both, or not one label an
            image.
        BadArchive: The archive is none, or has something in it that no folder of images needs.
        EvaluationTooLarge: There are more than there may be.
    """
    archives = [part for part in parts if part.name == ARCHIVE]
    images = [part for part in parts if part.name == IMAGE]
    labels = [part for part in parts if part.name == LABEL]
    if not archives and not images:
        raise _invalid(ARCHIVE, "is required, or `image` and `label` parts instead", count=1)
    if archives and (images or labels):
        raise _invalid(ARCHIVE, "takes the place of `image` and `label` parts: send one or other")
    if archives:
        return _of_archive(Archive(archives[0].data, limits))
    if len(images) != len(labels):
        detail = f"must be sent once an image: {len(images)} images, {len(labels)} labels"
        raise _invalid(LABEL, detail, count=len(images))
    if len(images) > limits.max_images:
        raise EvaluationTooLarge(
            FieldError(
                field=IMAGE,
                value=len(images),
                detail=f"{len(images)} images, at most {limits.max_images} are evaluated at once",
                limit={"max_images": limits.max_images},
                nearest=limits.max_images,
            )
        )
    return [
        Picture(
            name=image.filename,
            label=label.data.decode(errors="replace").strip(),
            size=len(image.data),
            read=partial(bytes, image.data),
        )
        for image, label in zip(images, labels, strict=True)
    ]


def class_folders(paths: Sequence[str]) -> Mapping[str, str | None]:
    """The folder that each file lies in, which is its class; None where it lies elsewhere.

    A folder around all class folders is seen through: that is what one gets who packs the folder.
    """
    split = {path: path.split("/") for path in paths}
    roots = {parts[0] for parts in split.values()}
    wrapped = len(roots) == 1 and all(len(parts) > _FOLDERS for parts in split.values())
    skip = 1 if wrapped else 0
    return {
        path: parts[skip] if len(parts) - skip == _FOLDERS else None
        for path, parts in split.items()
    }


def _of_archive(archive: Archive) -> list[Picture]:
    folders = class_folders(archive.names)
    return [
        Picture(name=name, label=label, size=archive.size(name), read=partial(archive.read, name))
        for name, label in folders.items()
    ]


def _invalid(field: str, detail: str, *, count: int | None = None) -> InvalidRequest:
    limit = None if count is None else {"count": count}
    return InvalidRequest([FieldError(field=field, value=None, detail=detail, limit=limit)])
