"""What receivers are told: what ended how, and where to read on. Never pixels."""

import hashlib
from collections.abc import Iterable
from typing import get_args

from app.webhooks.schemas import EvaluationEvent, EvaluationMessageBody, Event, MessageBody
from jobs.deliveries import Message
from jobs.evaluation_record import Evaluation
from jobs.record import Job, WebhookRef

EVENTS: tuple[str, ...] = get_args(Event)
"""All that a job's receiver may be told of: each way in which it ends."""

EVALUATION_EVENTS: tuple[str, ...] = get_args(EvaluationEvent)


def messages_of(job: Job, webhooks: Iterable[WebhookRef]) -> list[Message]:
    """The messages that a job that has ended sends.

    Args:
        job: As read; one that has not ended sends none.
        webhooks: Its receivers.
    """
    if not job.state.terminal:
        return []
    return _messages(MessageBody.of(job), webhooks, tenant=job.spec.tenant)


def evaluation_messages(evaluation: Evaluation) -> list[Message]:
    """The message that an evaluation that has ended sends, if somebody asked for it.

    Args:
        evaluation: As read with its images; one that has not ended sends none.
    """
    spec = evaluation.spec
    if spec.webhook is None or not evaluation.state.terminal:
        return []
    body = EvaluationMessageBody.of(evaluation)
    return _messages(body, [spec.webhook], tenant=spec.caller.tenant)


def _messages(
    body: MessageBody | EvaluationMessageBody, webhooks: Iterable[WebhookRef], *, tenant: str
) -> list[Message]:
    text = body.model_dump_json()
    return [
        Message(
            id=_message_id(body.data.id, body.type, webhook.url),
            event=body.type,
            tenant=tenant,
            url=webhook.url,
            body=text,
            created_at=body.timestamp.timestamp(),
        )
        for webhook in webhooks
        if body.type in webhook.events
    ]


def _message_id(ended_id: str, event: str, url: str) -> str:
    """The same whoever makes the message, and how often."""
    digest = hashlib.sha256(f"{ended_id}\n{event}\n{url}".encode()).hexdigest()
    return f"msg_{digest[:32]}"
