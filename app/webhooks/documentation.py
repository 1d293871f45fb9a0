"""The `webhooks` section of the OpenAPI document: what receivers have to expect."""

from typing import Any

from app.webhooks.messages import EVALUATION_EVENTS, EVENTS

_HEADERS = {
    "webhook-id": "Names the message; a repetition has the same.",
    "webhook-timestamp": "When this attempt was made, seconds since 1970.",
    "webhook-signature": "One or two `v1,<base64>` with a space between: HMAC-SHA-256 of "
    "`id.timestamp.body` by each secret that is valid.",
}


def webhooks_section(message: dict[str, Any], evaluation: dict[str, Any]) -> dict[str, Any]:
    """The section.

    Args:
        message: Reference to the schema of `MessageBody`.
        evaluation: Reference to the schema of `EvaluationMessageBody`.
    """
    schemas = dict.fromkeys(EVENTS, message) | dict.fromkeys(EVALUATION_EVENTS, evaluation)
    return {event: {"post": _operation(event, schema)} for event, schema in schemas.items()}


def _operation(event: str, message: dict[str, Any]) -> dict[str, Any]:
    what, _, end = event.partition(".")
    return {
        "operationId": event.replace(".", "_"),
        "tags": ["webhooks"],
        "summary": f"The {what} has ended: {end}",
        "description": f"Sent to the `webhook_url` of the {what}, at least once, signed as "
        "Standard Webhooks 1.0 has it with the secret of `GET /webhooks/secret`. Anything but an "
        "answer of 2xx within ten seconds is tried again for about a day; redirects are not "
        "followed.",
        "parameters": [
            {
                "name": name,
                "in": "header",
                "required": True,
                "description": about,
                "schema": {"type": "string"},
            }
            for name, about in _HEADERS.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": message}}},
        "responses": {
            "2XX": {"description": "The message has arrived."},
            "410": {"description": "It is given up at once."},
        },
    }
