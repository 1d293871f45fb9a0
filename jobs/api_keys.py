"""API keys in the store, the browser sessions opened with them, and who guesses at them."""

from dataclasses import dataclass
from typing import Any

from jobs.api_key import ApiKey
from jobs.codec import dump_key, load_key
from jobs.command import Command, script

ALL = "dmae:keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """An API key, and what became of it.

    Attributes:
        key: As it was made.
        revoked_at: Since when it opens nothing, seconds since 1970; None while it does.
        last_used_at: To the minute, seconds since 1970; None if it never was.
    """

    key: ApiKey
    revoked_at: float | None
    last_used_at: float | None

    def opens(self, now: float) -> bool:
        """Whether it is still good for anything."""
        expires = self.key.expires_at
        return self.revoked_at is None and (expires is None or now < expires)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """Wrong keys of late.

    Attributes:
        count: Of this minute, the latest included.
        forgotten_in_s: When counting starts again.
    """

    count: int
    forgotten_in_s: int


def create(key: ApiKey) -> Command[None]:
    """Keep a new key. Keys are kept for ever, revoked ones too: their ids stay in logs."""
    return Command(call=script("key_create"), args=(key.id, dump_key(key)), parse=lambda _: None)


def read(key_id: str) -> Command[StoredKey | None]:
    """The key of an id."""
    return Command(call="HMGET", args=(_name(key_id), *_FIELDS), parse=_stored)


def listing() -> Command[tuple[StoredKey, ...]]:
    """All keys, the oldest first."""

    def parse(answer: Any) -> tuple[StoredKey, ...]:
        found = [key for each in answer if (key := _stored(each)) is not None]
        return tuple(sorted(found, key=lambda stored: stored.key.created_at))

    return Command(call=script("key_list"), args=(), parse=parse)


def any_made() -> Command[bool]:
    """Whether a key was ever made."""
    return Command(call="EXISTS", args=(ALL,), parse=lambda answer: bool(int(answer)))


def revoke(key_id: str, *, now: float) -> Command[bool]:
    """Let a key open nothing any more. False if there is none of this id."""
    return Command(
        call=script("key_mark", even_when_full=True),
        args=(key_id, "revoked_at", now, "once"),
        parse=lambda answer: bool(int(answer)),
    )


def used(key_id: str, *, now: float) -> Command[None]:
    """Note that a key was used."""
    return Command(
        call=script("key_mark", even_when_full=True),
        args=(key_id, "last_used_at", now, ""),
        parse=lambda _: None,
    )


def open_session(token_sha256: str, key_id: str, *, seconds: int) -> Command[None]:
    """Let a browser's random token stand for a key, for a while."""
    args = (_session(token_sha256), key_id, "EX", seconds)
    return Command(call="SET", args=args, parse=lambda _: None)


def close_session(token_sha256: str) -> Command[None]:
    """Forget a browser's token."""
    return Command(call="DEL", args=(_session(token_sha256),), parse=lambda _: None)


def read_session(token_sha256: str) -> Command[StoredKey | None]:
    """The key that a browser's token stands for."""
    args = (_session(token_sha256), *_FIELDS)
    return Command(call=script("key_session"), args=args, parse=_stored)


def failed(who: str) -> Command[Failures]:
    """Count a wrong key.

    Args:
        who: From where, and which key is being guessed.
    """
    return Command(
        call=script("key_failed"),
        args=(who,),
        parse=lambda answer: Failures(count=int(answer[0]), forgotten_in_s=int(answer[1])),
    )


_FIELDS = ("key", "revoked_at", "last_used_at")


def _name(key_id: str) -> str:
    return f"dmae:key:{key_id}"


def _session(token_sha256: str) -> str:
    return f"dmae:session:{token_sha256}"


def _stored(answer: Any) -> StoredKey | None:
    if answer is None or answer[0] is None:
        return None
    key, revoked, used_at = answer
    return StoredKey(
        key=load_key(key),
        revoked_at=None if revoked is None else float(revoked),
        last_used_at=None if used_at is None else float(used_at),
    )
