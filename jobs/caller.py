"""Who asks, and what they may: the identity behind a request, and its share of the service."""

import re
from dataclasses import dataclass, field
from typing import Literal

Scope = Literal["certify", "read", "admin"]
"""Submit, cancel and delete one's own jobs; read them, and the models; see to the whole service."""

SCOPES: frozenset[Scope] = frozenset({"certify", "read", "admin"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How much of the service a tenant may have; None where there is no limit.

    Attributes:
        live_jobs: Jobs queued or running at a time.
        draws_queued: Draws that these jobs still need, together, as far as is known: a decision,
            until it has looked, the fewest that could settle it.
        draws_per_day: Draws made for jobs submitted on one day (UTC), and the most that those of
            them may take that have not ended.
        requests_per_minute: Submissions, after a burst of as many; above 0.
        weight: Share of the workers beside other tenants that wait, in proportion; above 0.
    """

    live_jobs: int | None = 100
    draws_queued: int | None = 20_000_000
    draws_per_day: int | None = None
    requests_per_minute: int | None = 600
    weight: float = 1.0

    def __post_init__(self) -> None:
        for name in ("live_jobs", "draws_queued", "draws_per_day"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise ValueError(f"{name} must be at least 0, got {value}")
        if self.requests_per_minute is not None and self.requests_per_minute < 1:
            raise ValueError(f"requests_per_minute must be above 0, got {self.requests_per_minute}")
        if not 0.001 <= self.weight <= 1000:
            raise ValueError(f"weight must be in [0.001, 1000], got {self.weight}")


UNLIMITED = Quota(live_jobs=None, draws_queued=None, requests_per_minute=None)
"""Only the limits of the whole service hold."""


def is_tenant(name: str) -> bool:
    """Whether a tenant may have this name: up to 64 letters, digits, dots, dashes and underscores.

    It is part of names in the store, which colons separate.
    """
    return re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", name) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks.

    Attributes:
        tenant: Whose jobs these are; those of others do not exist for them.
        key_id: The API key, by its public part; None without one.
        name: For people: logs, and the page.
        scopes: What they may do.
        quota: How much of it.
    """

    tenant: str
    key_id: str | None
    name: str
    scopes: frozenset[Scope]
    quota: Quota = field(default_factory=Quota)

    def __post_init__(self) -> None:
        if not is_tenant(self.tenant):
            raise ValueError(f"{self.tenant[:100]!r} is no name of a tenant")


LOCAL = Caller(tenant="local", key_id=None, name="local", scopes=SCOPES, quota=UNLIMITED)
"""Whoever sits at the machine, where no keys are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Idempotency:
    """A caller's name for a submission, under which it happens once however often it is sent.

    Attributes:
        key: Chosen by the client; within its tenant.
        payload_sha256: Hex digest of all that the client sent.
    """

    key: str
    payload_sha256: str
