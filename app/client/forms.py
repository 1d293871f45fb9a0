"""What a caller hands over, as parts of a form."""

import os
import re
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, TypedDict
from uuid import uuid4
from zipfile import ZipFile, ZipInfo

from app.client.errors import InvalidArgument

LONGEST_KEY = 255
_KEY = re.compile(f"[!-~]{{1,{LONGEST_KEY}}}")
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
"""Of the files that are taken from a folder."""
CLASS_FOLDERS = "*/**/*"
"""What may lie in a folder of class folders; a picture beside them is of no class."""

Image = str | os.PathLike[str] | bytes
"""A file's path, or the bytes of a PNG, JPEG or WebP file."""


class Params(TypedDict, total=False):
    """What a request may say beside image and sigma; None leaves the choice to the service.

    Attributes:
        model: Id of a model.
        mode: The question; see docs/api.md.
        n: Draws that answer: exactly so many for fixed and predict, at most so many else.
        n0: Draws that select the class, for fixed.
        alpha: Probability that the certificate is wrong.
        precision: Share of the radius that may be lost, for adaptive.
        radius: The L2 radius that is asked about, for decide, pixels in [0, 1].
        bound: On the runner-up, for fixed and adaptive.
        family_size: Certificates that alpha is for.
        numerics: What is taken for granted of the arithmetic.
        priority: Among the jobs of the same key.
        webhook_url: Where to tell that it has ended.
        webhook_events: Of which events to tell.
    """

    model: str | None
    mode: Literal["adaptive", "fixed", "decide", "anytime", "predict"] | None
    n: int | None
    n0: int | None
    alpha: float | None
    precision: float | None
    radius: float | None
    bound: Literal["top", "runner-up"] | None
    family_size: int | None
    numerics: Literal["sound", "fast"] | None
    priority: Literal["interactive", "normal", "batch"] | None
    webhook_url: str | None
    webhook_events: Sequence[str] | None


def text_fields(values: Mapping[str, Any]) -> dict[str, str]:
    """The text fields of a form; what is None is left out."""
    return {
        name: value if isinstance(value, str) else _text(value)
        for name, value in values.items()
        if value is not None
    }


def read_image(image: Image) -> bytes:
    """The bytes of an image file.

    Raises:
        InvalidArgument: It cannot be read.
    """
    if isinstance(image, bytes):
        return image
    try:
        return Path(image).read_bytes()
    except OSError as error:
        raise InvalidArgument(f"cannot read {os.fspath(image)}: {error.strerror}") from error


def read_archive(source: Image) -> bytes:
    """The bytes of a zip: of a file, or made of a folder with a folder for each class.

    Raises:
        InvalidArgument: It cannot be read, or has no pictures in folders.
    """
    if isinstance(source, bytes) or not Path(source).is_dir():
        return read_image(source)
    folder = Path(source)
    files = pictures_below(folder, CLASS_FOLDERS)
    if not files:
        raise InvalidArgument(f"{folder} has no folders of pictures; name each after its class")
    content = BytesIO()
    with ZipFile(content, "w") as archive:
        for file in files:
            # Without the time, so that a folder that is sent again is the same request.
            archive.writestr(ZipInfo(file.relative_to(folder).as_posix()), read_image(file))
    return content.getvalue()


def pictures_below(folder: Path, pattern: str = "**/*") -> list[Path]:
    """The files of a folder and of those below it that are taken for pictures, in order."""
    return [file for file in _files_below(folder, pattern) if file.suffix.lower() in SUFFIXES]


def passed_over(folder: Path, pattern: str = "**/*") -> list[Path]:
    """The files of a folder and of those below it that `pictures_below` leaves out, in order."""
    taken = set(pictures_below(folder, pattern))
    return [file for file in _files_below(folder, "**/*") if file not in taken]


def _files_below(folder: Path, pattern: str) -> list[Path]:
    """All but hidden ones: `._cat.jpg` is what macOS knows about a picture, and none."""
    return sorted(
        file
        for file in folder.glob(pattern)
        if file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )


def file_part(field: str, content: bytes) -> tuple[str, tuple[str, bytes]]:
    """A file part. Its name is always the same: the caller's own is nobody's business."""
    return field, (field, content)


def once(key: str | None) -> dict[str, str]:
    """Headers that make a form which is sent twice count once, and be the same bytes twice.

    Args:
        key: Of the caller, at most 255 visible ASCII characters; None makes one.

    Raises:
        InvalidArgument: The key cannot be sent.
    """
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidArgument(f"an idempotency key has 1 to {LONGEST_KEY} visible ASCII characters")
    return {
        "Idempotency-Key": key or str(uuid4()),
        "Content-Type": f"multipart/form-data; boundary={uuid4().hex}",
    }


def _text(value: object) -> str:
    if isinstance(value, Sequence):
        return ",".join(map(str, value))  # pyright: ignore[reportUnknownArgumentType]
    return str(value)
