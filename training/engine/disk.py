"""Files that are whole or not there, and a disk that has room for them or is said to be full."""

import errno
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from training.errors import DiskFull

# What CSV, TensorBoard events and the picture of the curves take beside the checkpoints.
RECORDS_BYTES = 2**24
# What a picture of curves takes at most.
PICTURE_BYTES = 2**20


@contextmanager
def written_whole(path: Path, *, needed: int) -> Generator[Path]:
    """A path beside `path` to write to; what is there in the end takes the name in one step.

    The content is on the disk before the name is, so neither kill -9 nor a power cut leaves half
    a file under it. What was written before a fault is removed, to give its room back.

    Args:
        path: The final name.
        needed: Size of the file in bytes, for the message where there is no room.

    Raises:
        DiskFull: There is no room.
    """
    partial = path.with_name(f"{path.name}.partial")
    try:
        with room_for(path, needed=needed):
            yield partial
            _sync(partial)
            partial.replace(path)
            _sync(path.parent)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_whole(path: Path, text: str) -> None:
    """Writes a text under a name: a reader sees the old text or the new one.

    Raises:
        DiskFull: There is no room.
    """
    with (
        written_whole(path, needed=len(text)) as partial,
        partial.open("w", newline="", encoding="utf-8") as file,
    ):
        file.write(text)


@contextmanager
def room_for(path: Path, *, needed: int) -> Generator[None]:
    """Says of writing that finds no room which file it was for, and how much is free.

    Raises:
        DiskFull: There is no room.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        if not _is_full(error):
            if isinstance(error, OSError) and error.filename:
                raise
            raise OSError(f"{path} cannot be written: {error}") from error
        raise DiskFull(
            f"no room for {path}: it needs {needed:,} bytes, {free_bytes(path):,} are free; what "
            "was there before is intact: free some room and give the same command again"
        ) from error


def require_room(out: Path, needed: int) -> None:
    """Refuses a run whose checkpoints would not fit.

    Args:
        out: Run directory; it need not exist yet.
        needed: Bytes that will be written there at most.

    Raises:
        DiskFull: There is less room than that.
    """
    free = free_bytes(out)
    if free < needed:
        raise DiskFull(
            f"{out} needs {needed:,} bytes for checkpoints and records, {free:,} are free; free "
            "some room or choose another --out"
        )


def free_bytes(path: Path) -> int:
    """Bytes free on the disk that a path is on, or would be."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return shutil.disk_usage(path).free


def _is_full(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in {errno.ENOSPC, errno.EDQUOT}
    # safetensors carries the number of the system's error in its text alone.
    return any(f"os error {code})" in str(error) for code in (errno.ENOSPC, errno.EDQUOT))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
