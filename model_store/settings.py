"""Where torch keeps the code that it compiles: as the environment says, or out of others' reach."""

import os
from pathlib import Path
from tempfile import mkdtemp

FOLDER = "TORCHINDUCTOR_CACHE_DIR"
"""What torch reads; one that was chosen by whoever started the process stays."""


def keep_code_private() -> None:
    """Has compiled code kept out of others' reach.

    Left alone torch keeps it in the system's folder for temporary files, under a name that all
    know, and runs what it finds there: whoever makes the folder first puts code into this process.
    """
    if FOLDER not in os.environ:
        os.environ[FOLDER] = str(_private_folder())


def _private_folder() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "dmae" / "inductor"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid == os.getuid() and os.access(folder, os.W_OK):
            folder.chmod(0o700)
            return folder
    except OSError:
        pass
    return Path(mkdtemp(prefix="dmae-inductor-"))
