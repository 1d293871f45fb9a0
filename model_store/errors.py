"""What can go wrong between a file and a classifier, or between a file and an image.

ModelStoreError
+-- ModelNotFound        no such model in the store
+-- CardInvalid          a card breaks its schema (also a ValueError)
+-- CheckpointInvalid    weights that are no safetensors file, or not of the card's network
+-- RuntimeRefused       a faster way to run a network that cannot be trusted here; `.reason`
+-- DigestMismatch       weights that are not the ones the card names
+-- ImageError           bytes that cannot become a certified image; `.reason` is a stable code
    +-- NotAnImage       nothing recognisable, or damaged
    +-- ImageTooLarge    over a limit on bytes, sides or pixels
    +-- ImageTooSmall    under the limit on sides
    +-- UnsupportedImage an image of a kind that is not certified
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal


class ModelStoreError(Exception):
    """Root of this package's errors."""


class ModelNotFound(ModelStoreError):
    """No model of this id is in the store.

    Attributes:
        model: The id asked for, or None where the default of an empty store was wanted.
        known: The ids the store has, in order.
    """

    def __init__(self, model: str | None, known: Sequence[str]) -> None:
        self.model = model
        self.known = tuple(known)
        have = ", ".join(self.known) if self.known else "none"
        wanted = "no default model" if model is None else f"no model {model[:100]!r}"
        super().__init__(f"{wanted} in the store; it has: {have}")


class CardInvalid(ModelStoreError, ValueError):
    """A card says something impossible, or nothing where it must speak.

    Attributes:
        detail: What is wrong.
        field: Dotted path of the value that is wrong, such as "architecture.patch_size".
        file: The card's file, where it came from one.
    """

    def __init__(self, detail: str, *, field: str, file: Path | None = None) -> None:
        self.detail = detail
        self.field = field
        self.file = file
        place = f"{file}: " if file else ""
        super().__init__(f"{place}{field}: {detail}" if field else f"{place}{detail}")


class CheckpointInvalid(ModelStoreError):
    """A weights file that is not safetensors, is cut short, or does not fit the network."""


RuntimeFault = Literal["missing", "failed", "coupled", "disagrees"]


class RuntimeRefused(ModelStoreError):
    """A runtime that is not there, does not start, or computes another function.

    Attributes:
        reason: Stable code of what is wrong, for programs.
    """

    def __init__(self, message: str, *, reason: RuntimeFault) -> None:
        self.reason: RuntimeFault = reason
        super().__init__(message)


class DigestMismatch(ModelStoreError):
    """A weights file whose bytes are not those the card was written for.

    Attributes:
        expected: SHA-256 in hex, from the card.
        actual: SHA-256 in hex, of the bytes that were read.
    """

    def __init__(self, path: Path, *, expected: str, actual: str) -> None:
        self.expected = expected
        self.actual = actual
        super().__init__(f"{path} has sha256 {actual}, its card says {expected}")


ImageFault = Literal[
    "empty",
    "not_an_image",
    "damaged",
    "too_many_bytes",
    "too_large",
    "too_small",
    "format",
    "animated",
    "cmyk",
    "mode",
    "metadata",
]


class ImageError(ModelStoreError):
    """Bytes that cannot become a certified image.

    Attributes:
        reason: Stable code of what is wrong, for programs.
    """

    def __init__(self, message: str, *, reason: ImageFault) -> None:
        self.reason: ImageFault = reason
        super().__init__(message)


class NotAnImage(ImageError):
    """Nothing that can be recognised as an image, or one that is damaged."""


class ImageTooLarge(ImageError):
    """Over the limit on bytes, on a side or on pixels."""


class ImageTooSmall(ImageError):
    """A side under the limit."""


class UnsupportedImage(ImageError):
    """An image, but of a kind for which no certificate is given."""
