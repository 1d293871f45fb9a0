"""The stack's directory: private, and used by one stack at a time."""

import fcntl
import hashlib
import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from app.embedded.errors import AlreadyRunning, StateDirUnusable

LONGEST_SOCKET_PATH = 100
"""Bytes; the system's limit is 104 on macOS and 108 on Linux."""


def private_directory(path: Path) -> Path:
    """A directory that nobody else can enter, made where it is missing.

    Raises:
        StateDirUnusable: It cannot be made, or belongs to somebody else.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.is_symlink() or path.stat().st_uid != os.getuid():
            raise StateDirUnusable(f"{path} belongs to somebody else or is a link; name another")
        path.chmod(0o700)
    except OSError as error:
        raise StateDirUnusable(f"cannot use {path}: {error.strerror}") from error
    return path


@contextmanager
def held(state_dir: Path, *, url: str) -> Generator[None]:
    """Keeps other stacks out of a state directory; the lock ends with this process.

    Args:
        state_dir: The directory; it exists.
        url: Where this stack will answer, for the message that another one prints.

    Raises:
        AlreadyRunning: With the process id and the address of the stack that is there.
    """
    with (state_dir / "lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise AlreadyRunning(_who(state_dir, file.read())) from None
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid(), "url": url}))
        file.flush()
        yield


def socket_path(state_dir: Path, runtime_dir: Path) -> Path:
    """Where the server's socket goes: into the state directory, if the path is short enough.

    Raises:
        StateDirUnusable: Neither directory gives a path that the system takes.
    """
    inside = state_dir / "valkey" / "valkey.sock"
    if len(os.fsencode(inside)) <= LONGEST_SOCKET_PATH:
        return inside
    digest = hashlib.sha256(os.fsencode(state_dir)).hexdigest()[:12]
    other = runtime_dir / f"dmae-{os.getuid()}-{digest}" / "s"
    if len(os.fsencode(other)) > LONGEST_SOCKET_PATH:
        raise StateDirUnusable(
            f"{inside} is longer than the {LONGEST_SOCKET_PATH} bytes that a socket's path may "
            "have; name a shorter one with --state-dir"
        )
    private_directory(other.parent)
    return other


def _who(state_dir: Path, text: str) -> str:
    try:
        owner = json.loads(text)
        there = f"process {owner['pid']} serves {owner['url']}"
    except (ValueError, KeyError, TypeError):
        there = "another process holds its lock"
    return f"{state_dir} is in use: {there}. Stop it, or name another directory with --state-dir"
