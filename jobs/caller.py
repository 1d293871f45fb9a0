"""Who asks for work, and how much of it they may have."""

from dataclasses import dataclass, field
from typing import Literal

Scope = Literal["certify", "read", "admin"]
"""certify: submit, cancel and delete own jobs; read: own jobs and models; admin: all tenants'."""

SCOPES: frozenset[Scope] = frozenset(("certify", "read", "admin"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What a tenant may use.

    Attributes:
        live_jobs: Jobs queued or running at once.
        draws_queued: Draws that its live jobs may still need, together.
        draws_per_day: Draws that may be asked for in a day; None for as many as they like.
        requests_per_minute: Submissions a minute.
        weight: Its share of the workers, beside tenants of weight 1.
    """

    live_jobs: int = 100
    draws_queued: int = 20_000_000
    draws_per_day: int | None = None
    requests_per_minute: int = 600
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who makes a request.

    Attributes:
        tenant: Whose jobs these are; other tenants' jobs do not exist for it.
        key_id: Of the API key; None for a caller without one.
        name: What its key is called, for people.
        scopes: What it may do.
        quota: How much of it.
    """

    tenant: str
    key_id: str | None
    name: str
    scopes: frozenset[Scope]
    quota: Quota = field(default_factory=Quota)


LOCAL = Caller(tenant="local", key_id=None, name="local", scopes=SCOPES)
"""Who asks from this machine, where no key was ever made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """What is known of an API key: not the key, only a digest by which it is recognised.

    Attributes:
        id: The part of the key that is no secret.
        sha256: Hex digest of the whole key.
        name: What it is called, for people.
        tenant: Whose jobs it sees.
        scopes: What it may do.
        quota: How much of it.
        created_at: Seconds since 1970, UTC.
        expires_at: From when on it opens nothing; None for never.
    """

    id: str
    sha256: str
    name: str
    tenant: str
    scopes: frozenset[Scope]
    quota: Quota
    created_at: float
    expires_at: float | None = None

    def caller(self) -> Caller:
        """Who asks with this key."""
        return Caller(
            tenant=self.tenant,
            key_id=self.id,
            name=self.name,
            scopes=self.scopes,
            quota=self.quota,
        )
