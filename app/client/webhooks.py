"""Whether a webhook's delivery comes from the service."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError
from standardwebhooks.webhooks import EmptyWebhookSecretError

from app.client.errors import InvalidWebhook


def verify_webhook(
    body: bytes | str, headers: Mapping[str, str], secrets: str | Iterable[str]
) -> dict[str, Any]:
    """The event that a delivery tells of, once its signature was checked.

    Deliveries are repeated until they are answered with 2xx: remember the header `webhook-id` for
    some days and ignore one that was seen before.

    Args:
        body: The request's body, byte for byte; not JSON that was read and written again.
        headers: The request's headers, in any case.
        secrets: The `whsec_...` of the service; while they are changed, the old one and the new.

    Raises:
        InvalidWebhook: It was signed with none of the secrets, or more than 5 minutes ago.

    Source:
        Standard Webhooks, https://www.standardwebhooks.com.
    """
    known = [secrets] if isinstance(secrets, str) else list(secrets)
    if not known:
        raise InvalidWebhook("there is no secret to check it with")
    reasons: list[str] = []
    for secret in known:
        try:
            Webhook(secret).verify(body, dict(headers), json_parse=False)
            event: Any = json.loads(body)
        except WebhookVerificationError as error:
            reasons.append(str(error))
        # What is no base64, no text, no number or no JSON where one has to be.
        except (ValueError, RuntimeError, LookupError, EmptyWebhookSecretError) as error:
            reasons.append(f"malformed ({type(error).__name__})")
        else:
            if isinstance(event, dict):
                return event  # pyright: ignore[reportUnknownVariableType] - from JSON
            reasons.append("it is no JSON object")
    raise InvalidWebhook("; ".join(dict.fromkeys(reasons)))
