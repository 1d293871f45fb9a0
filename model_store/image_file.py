"""What the three image formats have in common: facts before pixels, and one kind of damage.

Each reader walks its container by hand, in time linear in the file and with a cap on its parts,
and keeps only what decides the pixels. Pillow's decoders then see no profiles, no EXIF, no
comments and no second frames, so nothing hostile in those reaches them.
"""

import struct
import zlib
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from model_store.errors import ImageTooLarge, NotAnImage

Pixels = NDArray[np.uint8 | np.uint16]
RecordValue = str | int | float | bool | None | list[int]
Record = Mapping[str, RecordValue]

MAX_PARTS = 65_536
"""Chunks or segments of a file; more are no photograph but an attack on the walk itself."""


class ImageFile(Protocol):
    """A file whose header is read and whose pixels are not."""

    @property
    def width(self) -> int:
        """Columns, as stored."""
        ...

    @property
    def height(self) -> int:
        """Rows, as stored."""
        ...

    @property
    def exif(self) -> bytes | None:
        """The EXIF block."""
        ...

    @property
    def record(self) -> Record:
        """What the file is, for the certificate: plain JSON values."""
        ...

    def pixels(self) -> Pixels:
        """Decodes: (height, width, 3 or 4), at the file's own bit depth of 8 or 16.

        Raises:
            NotAnImage: The pixels are damaged.
        """
        ...


def damaged(kind: str, detail: str) -> NotAnImage:
    """The error of a file that begins as `kind` and does not go on as one."""
    return NotAnImage(f"the {kind} is damaged: {detail}", reason="damaged")


@contextmanager
def decoding(kind: str) -> Generator[None]:
    """Turns whatever Pillow raises inside into ImageError."""
    try:
        yield
    except MemoryError as error:
        raise ImageTooLarge(
            f"the {kind} does not fit in this server's memory", reason="too_large"
        ) from error
    except (
        ArithmeticError,
        AssertionError,
        AttributeError,
        EOFError,
        LookupError,
        OSError,
        RuntimeError,
        SyntaxError,
        TypeError,
        ValueError,
        Warning,
        struct.error,
        zlib.error,
    ) as error:
        raise damaged(kind, str(error) or type(error).__name__) from error
