"""One process at a time, by the lock of a file, which the system gives up when its process dies."""

import fcntl
import logging
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from training.errors import BadData, InUse

logger = logging.getLogger(__name__)


@contextmanager
def in_turn(path: Path) -> Generator[None]:
    """Waits for the lock: torchrun starts several processes that would all prepare the same images.

    Raises:
        BadData: The file cannot be written or locked.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError as error:
        raise BadData(f"{path} cannot be written: {error}; choose another --data.cache") from error
    with file:
        try:
            free = _taken(file)
        except OSError as error:
            raise BadData(
                f"{path} cannot be locked: {error}; choose a --data.cache on a local disk"
            ) from error
        if not free:
            logger.info("waiting for another process that prepares %s", path.with_suffix(""))
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def alone(path: Path, *, doing: str, option: str) -> Generator[None]:
    """Keeps other processes from doing the same meanwhile: each would undo what the other writes.

    Args:
        path: The lock's file, which is removed after the block.
        doing: What this process does, for the message that another one prints.
        option: What would let the other one do it elsewhere.

    Raises:
        InUse: Another process is at it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            # Where its last holder has just removed the file, this lock would keep nobody out.
            free = _taken(file) and os.fstat(file.fileno()).st_nlink > 0
        except OSError as error:
            logger.warning(
                "%s cannot be locked (%s): nothing keeps others from %s", path, error, doing
            )
            free = True
        if not free:
            raise InUse(
                f"another process is {doing}: wait for it, end it, or choose another {option}"
            )
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _taken(file: IO[str]) -> bool:
    """Takes the lock if nobody has it; whether it did."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
