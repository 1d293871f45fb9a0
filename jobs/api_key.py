"""What is known of an API key."""

from dataclasses import dataclass

from jobs.caller import Caller, Quota, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """An API key: not the key itself, only a digest by which it is recognised.

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
