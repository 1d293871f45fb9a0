"""The lock of what one process at a time may do."""

import fcntl
from pathlib import Path
from typing import IO

import pytest

from training.errors import InUse
from training.locks import alone


def test_a_lock_whose_file_its_last_holder_just_removed_keeps_nobody_out_and_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path, flock = tmp_path / ".lock", fcntl.flock

    def flock_as_the_holder_ends(file: IO[str], how: int) -> None:
        path.unlink()
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", flock_as_the_holder_ends)

    with pytest.raises(InUse), alone(path, doing="training", option="--out"):
        pytest.fail("a third process would lock a file of its own")
