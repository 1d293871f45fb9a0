"""API keys as texts: `dmae_<id>_<secret>`.

The secret has 256 random bits, so a plain digest of it can be kept: nobody can try them all.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

from jobs.api_key import ApiKey
from jobs.caller import Quota, Scope

SECRET_BYTES = 32
_ID_BYTES = 6
_KEY = re.compile(r"dmae_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key that was just made.

    Attributes:
        text: The key itself; it is shown once and kept nowhere.
        key: What is kept.
    """

    text: str
    key: ApiKey


def new_key(
    *,
    name: str,
    scopes: frozenset[Scope],
    quota: Quota,
    now: float,
    tenant: str | None = None,
    expires_at: float | None = None,
) -> NewKey:
    """A new random key.

    Args:
        name: What it is called, for people.
        scopes: What it may do.
        quota: How much of it.
        now: Current time, seconds since 1970.
        tenant: Whose jobs it sees; None makes it a tenant of its own.
        expires_at: From when on it opens nothing; None for never.

    Raises:
        ValueError: No tenant may have this name.
    """
    key_id = secrets.token_hex(_ID_BYTES)
    text = f"dmae_{key_id}_{secrets.token_urlsafe(SECRET_BYTES)}"
    key = ApiKey(
        id=key_id,
        sha256=digest(text),
        name=name,
        tenant=tenant or key_id,
        scopes=scopes,
        quota=quota,
        created_at=now,
        expires_at=expires_at,
    )
    _ = key.caller()  # a key that is nobody's would open nothing but errors
    return NewKey(text=text, key=key)


def id_of(text: str) -> str | None:
    """The id within a key; None for a text that cannot be one."""
    match = _KEY.fullmatch(text)
    return match[1] if match else None


def digest(text: str) -> str:
    """What is kept of a secret text: its hex SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()


def matches(text: str, key: ApiKey) -> bool:
    """Whether a text is this very key, in a time that tells nothing."""
    return hmac.compare_digest(digest(text), key.sha256)
