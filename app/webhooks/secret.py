"""The secrets that messages are signed with: one a tenant, derived, and renewed on demand.

They follow from the server's secret, the tenant and a generation number, so that only the number
is kept. The one before the newest stays valid for a day, and both sign.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook

from jobs.command import Command, script

OVERLAP_S = 24 * 3600.0
PREFIX = "whsec_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """Which secret of a tenant is the newest.

    Attributes:
        number: From 1.
        since: When it was made, seconds since 1970; 0 for the first.
    """

    number: int
    since: float

    @property
    def previous_until(self) -> float | None:
        """Until when the one before it is valid, seconds since 1970; None for the first."""
        return self.since + OVERLAP_S if self.number > 1 else None


def newest(tenant: str) -> Command[Generation]:
    """The newest generation of a tenant's secret."""
    return Command(call="HMGET", args=(_name(tenant), "number", "since"), parse=_generation)


def rotate(tenant: str, *, now: float) -> Command[Generation]:
    """The next generation of a tenant's secret, from now on."""
    return Command(call=script("webhook_rotate"), args=(tenant, now), parse=_generation)


def _name(tenant: str) -> str:
    return f"dmae:webhook-secret:{tenant}"


def _generation(answer: Any) -> Generation:
    number, since = answer
    return Generation(number=int(number or 1), since=float(since or 0))


def secret_of(server: bytes, tenant: str, number: int) -> str:
    """A tenant's secret of a generation, as Standard Webhooks spells it.

    Args:
        server: The server's secret.
        tenant: Whose.
        number: Of the generation.
    """
    name = f"webhook secret {number} of {tenant}"
    raw = hmac.new(server, name.encode(), hashlib.sha256).digest()
    return PREFIX + base64.b64encode(raw).decode()


def valid_secrets(server: bytes, tenant: str, generation: Generation, *, now: float) -> list[str]:
    """The secrets that sign at a moment, the newest first."""
    until = generation.previous_until
    earlier = [generation.number - 1] if until is not None and now < until else []
    return [secret_of(server, tenant, number) for number in [generation.number, *earlier]]


def signed_headers(
    secrets: Sequence[str], *, message_id: str, body: bytes, now: float
) -> dict[str, str]:
    """The headers of a message.

    Args:
        secrets: Each signs.
        message_id: The same for every attempt.
        body: As it will be sent.
        now: Time of the attempt, seconds since 1970.

    Source:
        Standard Webhooks 1.0.
    """
    sent_at = datetime.fromtimestamp(int(now), UTC)
    text = body.decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now)),
        "webhook-signature": " ".join(
            Webhook(secret).sign(message_id, sent_at, text) for secret in secrets
        ),
    }
