"""A directory of signing keys: one JWK a file, readable by its owner alone.

The newest key that is not retired signs. A retired one keeps its public half, so that what it
signed can still be checked; a file that is removed is forgotten altogether.
"""

import json
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from app.certificates.canonical import parse
from app.certificates.errors import KeyUnusable, Malformed
from app.certificates.keys import Key, Keys, age, by_name, key_of, new_key

SUFFIX = ".jwk"
_OTHERS = 0o077


def read_directory(directory: Path) -> Keys:
    """All keys in a directory.

    Raises:
        KeyUnusable: It cannot be read, or a file in it may be read by others or is no key.
    """
    return by_name(map(read_key, _files(directory)))


def signing_key(keys: Keys) -> Key | None:
    """The key that signs; None where all are retired, or there is none."""
    able = [key for key in keys.values() if key.d is not None and key.retired_at is None]
    return max(able, key=age, default=None)


def add_key(directory: Path, *, now: float | None = None) -> Key:
    """Makes a key, which signs from now on; and the directory, where it is missing.

    Raises:
        KeyUnusable: Nothing can be written there.
    """
    key = new_key(now=now)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(directory / f"{key.kid}{SUFFIX}", key.private())
    except OSError as error:
        raise KeyUnusable(f"cannot write to {directory}: {error.strerror}") from error
    return key


def retire_key(directory: Path, kid: str, *, now: float | None = None) -> Key:
    """Lets a key sign no more: its private half is erased, from copies too, its public half stays.

    Retiring it again changes nothing.

    Raises:
        KeyUnusable: There is no such key, or nothing can be written.
    """
    copies = {file: key for file in _files(directory) if (key := read_key(file)).kid == kid}
    if not copies:
        raise KeyUnusable(f"there is no key {kid!r} in {directory}")
    key = by_name(copies.values())[kid]
    moment = int(time.time() if now is None else now) if key.retired_at is None else key.retired_at
    retired = replace(key, retired_at=moment, d=None)
    try:
        for file, copy in copies.items():
            if copy != retired:
                _write(file, retired.private())
    except OSError as error:
        raise KeyUnusable(f"cannot write to {directory}: {error.strerror}") from error
    return retired


def read_key(file: Path) -> Key:
    """The key in a file.

    Raises:
        KeyUnusable: It cannot be read, may be read by others, or is no key.
    """
    try:
        mode, text = file.stat().st_mode, file.read_bytes()
    except OSError as error:
        raise KeyUnusable(f"cannot read {file}: {error.strerror}") from error
    if mode & _OTHERS:
        raise KeyUnusable(f"{file} may be read by others: chmod 600 it")
    try:
        return key_of(parse(text))
    except (Malformed, KeyUnusable) as error:
        raise KeyUnusable(f"{file}: {error}") from error


def _files(directory: Path) -> list[Path]:
    try:
        return sorted(file for file in directory.iterdir() if file.suffix == SUFFIX)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise KeyUnusable(f"cannot read {directory}: {error.strerror}") from error


def _write(file: Path, jwk: Mapping[str, object]) -> None:
    """Replaces the file at once: who reads meanwhile sees the old key or the new one."""
    beside = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        json.dump(jwk, out, indent=2)
        out.write("\n")
        out.flush()
        os.fsync(out.fileno())
    beside.replace(file)
