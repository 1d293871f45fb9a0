"""One process at a time: torchrun starts several that would all prepare the same images."""

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training.errors import BadData

logger = logging.getLogger(__name__)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Holds the lock of this file, which the system gives up when its process dies.

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
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info("waiting for another process that prepares %s", path.with_suffix(""))
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            raise BadData(
                f"{path} cannot be locked: {error}; choose a --data.cache on a local disk"
            ) from error
        yield
