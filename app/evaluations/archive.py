"""A zip of class folders, read entry by entry in memory: nothing in it is trusted or unpacked.

The directory at its end is read whole, so its size is bounded before it is parsed; everything
that no folder of pictures needs is refused from the directory alone, before an entry is opened.
"""

import io
import stat
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from struct import error as StructError  # noqa: N812 - it is a class
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from app.errors import FieldError
from app.evaluations.errors import BadArchive, EvaluationTooLarge

MAX_RATIO = 100
"""Pictures hardly shrink in a zip; beyond this an entry was made to."""

SMALL = 64 * 1024
"""Entries of fewer bytes may shrink as they like."""

DIRECTORY_BYTES_PER_IMAGE = 1024
ENCRYPTED = 0x1
_BROKEN = (
    BadZipFile,
    EOFError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    StructError,
    ValueError,
    zlib.error,
)


class UnreadableEntry(Exception):
    """An entry's bytes are not what the archive says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveLimits:
    """What an archive may hold.

    Attributes:
        max_images: Files in it.
        max_unpacked_bytes: Of all of them together.
    """

    max_images: int
    max_unpacked_bytes: int


class Archive:
    """The files of a zip, in the order of their names.

    Args:
        data: The zip.
        limits: What it may hold.

    Raises:
        BadArchive: It is no zip or a damaged one, or has an entry that is encrypted, a link,
            outside its folder, there twice, or packed like a bomb.
        EvaluationTooLarge: It holds more than it may.
    """

    def __init__(self, data: bytes | bytearray, limits: ArchiveLimits) -> None:
        longest_read = SMALL + DIRECTORY_BYTES_PER_IMAGE * limits.max_images
        try:
            self._zip = ZipFile(_Memory(memoryview(data), longest_read))
        except _BROKEN as error:
            raise BadArchive(f"the archive is no zip file, or damaged: {error}") from error
        self._infos = {info.filename: info for info in _files(self._zip.infolist(), limits)}

    @property
    def names(self) -> list[str]:
        """Paths of the files."""
        return list(self._infos)

    def size(self, name: str) -> int:
        """How many bytes a file has, unpacked; reading it gives no more."""
        return self._infos[name].file_size

    def read(self, name: str) -> bytes:
        """A file's bytes.

        Raises:
            UnreadableEntry: They cannot be unpacked, or are not of the length or checksum told.
        """
        info = self._infos[name]
        try:
            with self._zip.open(info) as entry:
                data = b"".join(iter(partial(entry.read, SMALL), b""))
        except _BROKEN as error:
            raise UnreadableEntry(f"cannot be unpacked: {error}") from error
        if len(data) != info.file_size:
            raise UnreadableEntry(f"has {len(data)} bytes, the archive says {info.file_size}")
        return data


class _Memory(io.RawIOBase):
    """A seekable file over memory that is not copied, and gives no more than so much at a time."""

    def __init__(self, data: memoryview, longest_read: int) -> None:
        self._data = data
        self._longest = longest_read
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._data)}[whence]
        if base + offset < 0:
            raise OSError("before the beginning")
        self._at = base + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        left = max(len(self._data) - self._at, 0)
        size = left if size < 0 else min(size, left)
        if size > self._longest:
            raise _too_large(
                "has a directory of {} bytes", size, "max_directory_bytes", self._longest
            )
        found = bytes(self._data[self._at : self._at + size])
        self._at += size
        return found


def _files(infos: Sequence[ZipInfo], limits: ArchiveLimits) -> list[ZipInfo]:
    files = [info for info in infos if not (info.is_dir() or _by_the_way(info.filename))]
    if len(files) > limits.max_images:
        raise _too_large("holds {} files", len(files), "max_images", limits.max_images)
    unpacked = sum(info.file_size for info in files)
    if unpacked > limits.max_unpacked_bytes:
        raise _too_large("unpacks to {} bytes", unpacked, "max_bytes", limits.max_unpacked_bytes)
    for info in files:
        _check(info)
    twice = [name for name, count in Counter(info.filename for info in files).items() if count > 1]
    if twice:
        raise BadArchive("is in the archive twice", entry=twice[0])
    return sorted(files, key=lambda info: info.filename.split("/"))


def _by_the_way(name: str) -> bool:
    """What a file manager leaves beside the pictures."""
    *folders, file = name.split("/")
    hidden = file.startswith(".") and file.strip(".") != ""
    return hidden or file in ("Thumbs.db", "desktop.ini") or folders[:1] == ["__MACOSX"]


def _check(info: ZipInfo) -> None:
    name = info.orig_filename
    parts = name.split("/")
    if "\\" in name or "\0" in name or ":" in parts[0] or not {"", ".", ".."}.isdisjoint(parts):
        raise BadArchive("is no plain path of folders and a file", entry=name)
    if info.flag_bits & ENCRYPTED:
        raise BadArchive("is encrypted", entry=name)
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise BadArchive("is a link or another special file", entry=name)
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise BadArchive(
            "is compressed in a way that is not read here",
            entry=name,
            limit={"supported": ["stored", "deflate"]},
        )
    if info.file_size > max(SMALL, MAX_RATIO * info.compress_size):
        raise BadArchive(
            f"would unpack to {info.file_size} bytes from {info.compress_size}",
            entry=name,
            limit={"max_ratio": MAX_RATIO},
        )


def _too_large(what: str, value: int, name: str, limit: int) -> EvaluationTooLarge:
    detail = f"{what.format(value)}, at most {limit} are read"
    return EvaluationTooLarge(
        FieldError(field="archive", value=value, detail=detail, limit={name: limit}, nearest=limit)
    )
