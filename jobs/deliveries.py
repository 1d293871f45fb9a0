"""Messages about jobs and evaluations that have ended, and how far each has come to its receiver.

The script that ends one that has a receiver writes a line into the outbox, and does no more: a job
neither waits for a receiver nor fails with it. What is said here of a job holds of an evaluation
too, in each place by the name that `of_evaluation` has for it. Who sends takes lines from there,
makes deliveries of them, and writes down each attempt. Every hand-over is to one process for some
time, and to another should it die: a message goes out at least once, always under the same id.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from jobs.codec import load_object
from jobs.command import Command, script
from jobs.errors import MalformedRecord
from jobs.record import WebhookRef

logger = logging.getLogger(__name__)

DeliveryState = Literal["pending", "delivered", "failed"]

KEPT_DAYS = 3
MAX_DELIVERIES = 64
"""Of one job; who asks for the same job again and again gets no more."""
MAX_RECEIVERS = 16
KEPT_ATTEMPTS = 100
"""Of one delivery, the latest; who asks for it again and again gets no longer a log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A line of the outbox: a job with a receiver has ended.

    Attributes:
        entry: Id of the line.
        job_id: The job.
        tenant: Whose it is.
        evaluation: Whether it is an evaluation and no job.
    """

    entry: str
    job_id: str
    tenant: str
    evaluation: bool = False

    @property
    def name(self) -> str:
        """By which its deliveries are kept."""
        return of_evaluation(self.job_id) if self.evaluation else self.job_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is to be sent; the same in every attempt.

    Attributes:
        id: Tells a receiver which messages are the same.
        event: Such as "job.succeeded".
        tenant: Whose secret signs it.
        url: Where to.
        body: JSON.
        created_at: Seconds since 1970.
    """

    id: str
    event: str
    tenant: str
    url: str
    body: str
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try to deliver.

    Attributes:
        at: Seconds since 1970.
        duration_s: Of the try.
        status: What the receiver answered, where it did.
        error: What went wrong; None where nothing did.
    """

    at: float
    duration_s: float
    status: int | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A delivery to attempt now.

    Attributes:
        job_id: Of the job.
        number: Among the job's deliveries, from 1.
        message: What to send.
        attempts: Made so far.
        since_again: Of those, how many since somebody asked for it anew.
        asked: How often somebody did.
    """

    job_id: str
    number: int
    message: Message
    attempts: int
    since_again: int
    asked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A delivery as it stands.

    Attributes:
        number: Among the job's deliveries, from 1.
        message: What is sent.
        state: Whether it arrived, was given up, or neither yet.
        attempts: In order, the latest hundred.
        next_attempt_at: Seconds since 1970; None where none will be.
    """

    number: int
    message: Message
    state: DeliveryState
    attempts: tuple[Attempt, ...]
    next_attempt_at: float | None


def of_evaluation(evaluation_id: str) -> str:
    """What stands for an evaluation where a job has its id: a job may have the same."""
    return f"evaluation:{evaluation_id}"


def take(consumer: str, *, count: int, idle_s: float) -> Command[tuple[Ended, ...]]:
    """Lines of the outbox, for a consumer alone.

    Args:
        consumer: Name of the process.
        count: At most so many of each kind.
        idle_s: What another took so long ago, and is not done with, is taken over.
    """
    args = (consumer, count, int(1_000 * idle_s))
    return Command(call=script("outbox_take"), args=args, parse=_ended)


def leave(consumer: str) -> Command[None]:
    """Forget a consumer that stops, unless it holds lines that others must find."""
    return Command(call=script("outbox_leave"), args=(consumer,), parse=lambda _: None)


def add(ended: Ended, messages: Sequence[Message], *, now: float) -> Command[None]:
    """Make deliveries of a line's messages, and be done with the line; again changes nothing."""
    each = (part for message in messages for part in (message.id, _dump(message)))
    args = (ended.entry, ended.name, now, KEPT_DAYS, MAX_DELIVERIES, *each)
    return Command(call=script("deliveries_add"), args=args, parse=lambda _: None)


def claim(*, now: float, lease_s: float, count: int) -> Command[tuple[Claim, ...]]:
    """Deliveries that are due and can be read; nobody else gets them for `lease_s`."""
    args = (now, lease_s, count)
    return Command(call=script("deliveries_claim"), args=args, parse=_claims)


def postpone(claimed: Claim, *, until: float) -> Command[None]:
    """Give a delivery back without an attempt."""
    member = f"{claimed.job_id}|{claimed.number}"
    args = ("dmae:deliveries:due", "XX", until, member)
    return Command(call="ZADD", args=args, parse=lambda _: None)


def note(
    claimed: Claim, attempt: Attempt, *, state: DeliveryState, next_at: float | None
) -> Command[None]:
    """Write an attempt down.

    Args:
        claimed: What was attempted.
        attempt: What came of it.
        state: Of the delivery from now on.
        next_at: Time of the next attempt, where it is pending.
    """
    number = claimed.attempts + 1
    record = json.dumps(_attempt_fields(attempt))
    what = (claimed.job_id, claimed.number, number, record)
    args = (*what, state, next_at or 0, claimed.asked, KEPT_ATTEMPTS)
    return Command(call=script("deliveries_note"), args=args, parse=lambda _: None)


def read(job_id: str) -> Command[tuple[Delivery, ...]]:
    """All deliveries of a job, in order."""
    return Command(call=script("deliveries_read"), args=(job_id,), parse=_deliveries)


def again(job_id: str, number: int, *, now: float) -> Command[bool]:
    """Make a delivery due now, whatever became of it; False if there is none of the number."""
    args = (job_id, number, now)
    return Command(call=script("deliveries_again"), args=args, parse=lambda a: bool(int(a)))


def subscribe(job_id: str, *, tenant: str, webhook: WebhookRef) -> Command[bool]:
    """Add a receiver to a job that was there before; False if it has as many as it may.

    Args:
        job_id: Of the job, which may have ended.
        tenant: Whose it is.
        webhook: The receiver.
    """
    text = json.dumps([webhook.url, *webhook.events])
    args = (job_id, tenant, text, MAX_RECEIVERS)
    return Command(call=script("webhook_subscribe"), args=args, parse=lambda a: bool(int(a)))


def subscribed(job_id: str) -> Command[tuple[WebhookRef, ...]]:
    """The receivers that were added to a job."""

    def parse(answer: Any) -> tuple[WebhookRef, ...]:
        each = (json.loads(text) for text in sorted(answer))
        return tuple(WebhookRef(url=url, events=tuple(events)) for url, *events in each)

    return Command(call="SMEMBERS", args=(f"dmae:job:{{{job_id}}}:webhooks",), parse=parse)


def _dump(message: Message) -> str:
    fields = {name: getattr(message, name) for name in Message.__slots__}
    return json.dumps(fields, separators=(",", ":"), allow_nan=False)


def _message(text: bytes) -> Message:
    return Message(**load_object(text))


def _attempt_fields(attempt: Attempt) -> dict[str, Any]:
    return {name: getattr(attempt, name) for name in Attempt.__slots__}


def _ended(answer: Any) -> tuple[Ended, ...]:
    found: list[Ended] = []
    for entry, flat in answer:
        fields = _pairs(flat)
        evaluation = fields.get("evaluation")
        found.append(
            Ended(
                entry=entry.decode(),
                job_id=(evaluation or fields.get("job", b"")).decode(),
                tenant=fields.get("tenant", b"").decode(),
                evaluation=evaluation is not None,
            )
        )
    return tuple(found)


def _claims(answer: Any) -> tuple[Claim, ...]:
    return tuple(found for row in answer if (found := _claim(*row)))


def _claim(
    job_id: bytes, number: bytes, record: bytes, attempts: bytes, since: bytes, asked: bytes
) -> Claim | None:
    try:
        message = _message(record)
    except (MalformedRecord, TypeError):  # those that were claimed with it can be
        logger.exception("a message cannot be read", extra={"job_id": job_id.decode()})
        return None
    return Claim(
        job_id=job_id.decode(),
        number=int(number),
        message=message,
        attempts=int(attempts),
        since_again=int(attempts) - int(since),
        asked=int(asked),
    )


def _deliveries(answer: Any) -> tuple[Delivery, ...]:
    fields = _pairs(answer)
    return tuple(_delivery(fields, n) for n in range(1, int(fields.get("count", b"0")) + 1))


def _delivery(fields: Mapping[str, bytes], number: int) -> Delivery:
    last = int(fields[f"{number}:attempts"])
    kept = range(max(last - KEPT_ATTEMPTS, 0) + 1, last + 1)
    names = (f"{number}:attempt:{index}" for index in kept)
    due = fields.get(f"{number}:due")
    return Delivery(
        number=number,
        message=_message(fields[str(number)]),
        state=cast("DeliveryState", fields[f"{number}:state"].decode()),
        attempts=tuple(Attempt(**load_object(fields[name])) for name in names if name in fields),
        next_attempt_at=None if due is None else float(due),
    )


def _pairs(flat: Sequence[bytes]) -> dict[str, bytes]:
    return {name.decode(): value for name, value in zip(flat[::2], flat[1::2], strict=True)}
