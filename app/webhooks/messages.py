"""What receivers are told: which job ended how, and where to read on. Never pixels."""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from jobs.deliveries import Message
from jobs.record import Job, JobState, WebhookRef

EVENTS = tuple(f"job.{state.value}" for state in JobState if state.terminal)
"""All that a receiver may be told of."""

_TOLD = ("verdict", "decision", "predicted", "radius", "sigma", "alpha", "mode")
"""Of a certificate; the whole of it is behind `links.certificate`."""


def messages_of(job: Job, webhooks: Iterable[WebhookRef]) -> list[Message]:
    """The messages that a job that has ended sends.

    Args:
        job: As read; one that has not ended sends none.
        webhooks: Its receivers.
    """
    event = f"job.{job.state.value}"
    finished_at = job.finished_at or job.spec.created_at
    body = json.dumps(
        {"type": event, "timestamp": _time(finished_at), "data": summary(job)},
        separators=(",", ":"),
        allow_nan=False,
    )
    return [
        Message(
            id=_message_id(job.spec.id, event, webhook.url),
            event=event,
            tenant=job.spec.tenant,
            url=webhook.url,
            body=body,
            created_at=finished_at,
        )
        for webhook in webhooks
        if event in webhook.events
    ]


def summary(job: Job) -> dict[str, Any]:
    """What is said of a job."""
    spec, here = job.spec, f"/jobs/{job.spec.id}"
    certificate = job.certificate
    return {
        "id": spec.id,
        "state": job.state.value,
        "model": spec.model.id,
        "image_sha256": spec.image.upload_sha256,
        "created_at": _time(spec.created_at),
        "finished_at": None if job.finished_at is None else _time(job.finished_at),
        "certificate": certificate and {key: certificate.get(key) for key in _TOLD},
        "error": job.error and {"code": job.error.code, "message": job.error.message},
        "links": {"self": here, "certificate": f"{here}/certificate" if certificate else None},
    }


def _message_id(job_id: str, event: str, url: str) -> str:
    digest = hashlib.sha256(f"{job_id}\n{event}\n{url}".encode()).hexdigest()
    return f"msg_{digest[:32]}"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
