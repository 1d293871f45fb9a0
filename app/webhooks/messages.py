"""What receivers are told: which job ended how, and where to read on. Never pixels."""

import hashlib
from collections.abc import Iterable
from typing import get_args

from app.webhooks.schemas import Event, MessageBody
from jobs.deliveries import Message
from jobs.record import Job, WebhookRef

EVENTS: tuple[str, ...] = get_args(Event)
"""All that a receiver may be told of: each way in which a job ends."""


def messages_of(job: Job, webhooks: Iterable[WebhookRef]) -> list[Message]:
    """The messages that a job that has ended sends.

    Args:
        job: As read; one that has not ended sends none.
        webhooks: Its receivers.
    """
    event = f"job.{job.state.value}"
    told = [webhook for webhook in webhooks if event in webhook.events]
    if not job.state.terminal or not told:
        return []
    body = MessageBody.of(job)
    text = body.model_dump_json()
    return [
        Message(
            id=_message_id(job.spec.id, event, webhook.url),
            event=event,
            tenant=job.spec.tenant,
            url=webhook.url,
            body=text,
            created_at=body.timestamp.timestamp(),
        )
        for webhook in told
    ]


def _message_id(job_id: str, event: str, url: str) -> str:
    """The same whoever makes the message, and how often."""
    digest = hashlib.sha256(f"{job_id}\n{event}\n{url}".encode()).hexdigest()
    return f"msg_{digest[:32]}"
