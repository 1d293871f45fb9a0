"""Files of tensors: whole or not there, and as readable as the others of a run."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from training.engine.disk import written_whole

READ_AND_WRITE = 0o666


def save_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None
) -> None:
    """Writes a safetensors file.

    safetensors writes into another file beside the one that it is told, under a name that is never
    the same; a kill leaves it there, and it is for its owner's eyes alone. So it is given a folder,
    which the next attempt removes with all that is in it, and the file gets the mode of any other.

    Args:
        path: The file; its directory exists.
        tensors: On the CPU and contiguous, by name.
        metadata: Words for the file's header.

    Raises:
        DiskFull: There is no room; what was under the name before is intact.
    """
    folder = path.with_name(f"{path.name}.saving")
    shutil.rmtree(folder, ignore_errors=True)
    needed = sum(tensor.nbytes for tensor in tensors.values())
    try:
        with written_whole(path, needed=needed) as partial:
            folder.mkdir()
            saved = folder / path.name
            save_file(dict(tensors), saved, metadata)
            saved.chmod(folder.stat().st_mode & READ_AND_WRITE)
            saved.replace(partial)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
