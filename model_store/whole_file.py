"""Files that are replaced at once."""

import os
from pathlib import Path


def replace_file(path: Path, data: bytes) -> None:
    """Writes beside `path`, then renames: whatever happens, the old file or the new one is there.

    Args:
        path: The file; its directory exists.
        data: All that is to be in it.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
