"""The background task that turns what has ended into messages, and messages into answers of 2xx.

Every web process may run one. Nothing is remembered here: a process that dies loses its claims
after a while, and others take them over.
"""

import asyncio
import contextlib
import logging
import random
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from app.prompt_runner import PromptRunner
from app.webhooks import secret
from app.webhooks.errors import DeliveryFailed
from app.webhooks.messages import evaluation_messages, messages_of
from app.webhooks.sender import TIMEOUT_S, Sender
from jobs import deliveries, evaluations, store
from jobs.deliveries import Attempt, Claim, DeliveryState, Ended, Message
from jobs.errors import EvaluationNotFound, JobGone, JobsError, MalformedRecord, StoreUnavailable

logger = logging.getLogger(__name__)

FIRST_DELAY_S = 5.0
LONGEST_DELAY_S = 6 * 3_600.0
MAX_ATTEMPTS = 12
"""With three times the delay after each, they take about a day."""
JITTER = 0.2
MOST_LOOKS = 20
"""At what is due, in one turn."""

SHORTEST_S = 0.01
"""That an attempt is taken to last."""

LONGEST_PUT_OFF_S = 600.0
"""For which a message waits because its host is busy; one that hangs may be well again."""


def delay_s(attempts: int, chance: float) -> float:
    """How long to wait before the next attempt.

    Args:
        attempts: Made so far, at least 1.
        chance: In [0, 1), different each time, so that receivers are not met by all at once.
    """
    plain = min(FIRST_DELAY_S * 3.0 ** (attempts - 1), LONGEST_DELAY_S)
    return plain * (1 + JITTER * (2 * chance - 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How much is done at once, and how soon again.

    Attributes:
        poll_s: Between looks at what there is to do.
        at_once: Messages under way.
        per_host: Of them, to one host, so that one that hangs holds up no other.
        lease_s: For how long a message is this process's; longer than any attempt.
        usual_s: What an attempt takes, until one to the host has ended.
        patience_s: For what is under way at the end; less than `in_background` grants.
    """

    poll_s: float = 0.5
    at_once: int = 32
    per_host: int = 4
    lease_s: float = 4 * TIMEOUT_S
    usual_s: float = 0.05
    patience_s: float = TIMEOUT_S / 4


@dataclass(slots=True)
class _Host:
    """What is known of a receiver's host.

    Attributes:
        under_way: Messages to it.
        took_s: The last attempt that ended, or what one usually does.
        put_off_until: The last message that has to wait for others; seconds since 1970.
    """

    took_s: float
    under_way: int = 0
    put_off_until: float = 0.0


@dataclass(slots=True)
class Courier:
    """Sends the messages of ended jobs and evaluations.

    Attributes:
        runner: The job store.
        sender: Makes the attempts.
        server_secret: From which tenants' secrets follow.
        pace: How busily.
    """

    runner: PromptRunner
    sender: Sender
    server_secret: Callable[[], Awaitable[bytes]]
    pace: Pace = field(default_factory=Pace)
    _name: str = field(default_factory=lambda: uuid.uuid4().hex)
    _sending: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    _hosts: dict[str, _Host] = field(default_factory=dict[str, _Host])

    async def run(self) -> None:
        """Works until it is cancelled; then lets what is under way come to its end."""
        try:
            while True:
                await self._turn()
                await self._pause()
        finally:
            await self._end()

    async def _turn(self) -> None:
        try:
            await self.turn()
        except JobsError as error:
            logger.warning("webhooks wait for the store", extra={"reason": str(error)})
        except Exception:  # the edge of a background task, which must not end
            logger.exception("a turn of the webhook courier failed")

    async def _pause(self) -> None:
        """Until there is room for more, or there may be more."""
        if not self._sending:
            await asyncio.sleep(self.pace.poll_s)
            return
        await asyncio.wait(
            self._sending, timeout=self.pace.poll_s, return_when=asyncio.FIRST_COMPLETED
        )

    async def turn(self) -> None:
        """Takes what has ended, and begins to send what is due.

        Looks past what is due to busy hosts, however much that is.

        Raises:
            JobsError: Redis is away.
        """
        idle_s = self.pace.lease_s
        for ended in await self.runner.run(deliveries.take(self._name, count=32, idle_s=idle_s)):
            await self._tell(ended)
        self._forget_hosts()
        for _ in range(MOST_LOOKS):
            free = self.pace.at_once - len(self._sending)
            if free <= 0:
                break
            due = deliveries.claim(now=time.time(), lease_s=self.pace.lease_s, count=free)
            begun = [await self._begin(claim) for claim in await self.runner.run(due)]
            if all(begun):
                break

    async def _tell(self, ended: Ended) -> None:
        try:
            messages = await self._messages(ended)
            await self.runner.run(deliveries.add(ended, messages, now=time.time()))
        except StoreUnavailable:
            raise
        except Exception:  # its line stays for another try, and must not hold up those behind it
            logger.exception("what ended could not be told", extra={"job_id": ended.job_id})

    async def _messages(self, ended: Ended) -> list[Message]:
        """None for a job that is no more: nothing of it is kept, also not here."""
        if ended.evaluation:
            return await self._evaluation_messages(ended)
        try:
            read = store.read(ended.job_id, tenant=ended.tenant, now=time.time())
            job = await self.runner.run(read)
        except JobGone:
            job = None
        except MalformedRecord:
            logger.exception("a job cannot be read", extra={"job_id": ended.job_id})
            job = None
        if job is None:
            return []
        added = await self.runner.run(deliveries.subscribed(ended.job_id))
        first = [] if job.spec.webhook is None else [job.spec.webhook]
        return messages_of(job, dict.fromkeys([*first, *added]))

    async def _evaluation_messages(self, ended: Ended) -> list[Message]:
        try:
            read = evaluations.read(ended.job_id, tenant=ended.tenant, now=time.time(), items=True)
            return evaluation_messages(await self.runner.run(read))
        except EvaluationNotFound:
            return []
        except MalformedRecord:
            logger.exception("an evaluation cannot be read", extra={"evaluation_id": ended.job_id})
            return []

    async def _begin(self, claim: Claim) -> bool:
        """Whether a message is under way now; else its host is busy, and it is put off."""
        host = self._hosts.setdefault(urlsplit(claim.message.url).netloc, _Host(self.pace.usual_s))
        if host.under_way >= self.pace.per_host:
            await self.runner.run(deliveries.postpone(claim, until=self._turn_of_next(host)))
            return False
        host.under_way += 1
        began = time.monotonic()
        task = asyncio.create_task(self._deliver(claim))
        self._sending.add(task)

        def done(task: asyncio.Task[None]) -> None:
            self._sending.discard(task)
            host.under_way -= 1
            host.took_s = max(time.monotonic() - began, SHORTEST_S)

        task.add_done_callback(done)
        return True

    def _turn_of_next(self, host: _Host) -> float:
        """When one more message should find room, after all that were put off before it.

        Looked at sooner, those of a host that hangs would be all that there is time for.
        """
        now = time.time()
        turn = max(now, host.put_off_until) + host.took_s / self.pace.per_host
        host.put_off_until = min(turn, now + LONGEST_PUT_OFF_S)
        return host.put_off_until

    def _forget_hosts(self) -> None:
        now = time.time()
        self._hosts = {
            name: host
            for name, host in self._hosts.items()
            if host.under_way or host.put_off_until > now
        }

    async def _deliver(self, claim: Claim) -> None:
        """One attempt, written down; if that fails, the message goes out again after its lease."""
        try:
            attempt, final = await self._attempt(claim)
            state, next_at = _verdict(claim, attempt, final=final)
            noted = deliveries.note(claim, attempt, state=state, next_at=next_at)
            await self.runner.run(noted)
        except JobsError as error:
            logger.warning("an attempt could not be written down", extra={"reason": str(error)})
        except Exception:  # the edge of a background task
            logger.exception("an attempt broke off", extra={"job_id": claim.job_id})

    async def _attempt(self, claim: Claim) -> tuple[Attempt, bool]:
        message, now = claim.message, time.time()
        body = message.body.encode()
        generation = await self.runner.run(secret.newest(message.tenant))
        server = await self.server_secret()
        secrets = secret.valid_secrets(server, message.tenant, generation, now=now)
        headers = secret.signed_headers(secrets, message_id=message.id, body=body, now=now)
        status, error, final, began = None, None, False, time.perf_counter()
        try:
            status = await self.sender.send(message.url, body, headers)
        except DeliveryFailed as failed:
            status, error, final = failed.status, f"{failed.reason}: {failed}", failed.final
        took = time.perf_counter() - began
        logger.info(
            "webhook attempt",
            extra={"job_id": claim.job_id, "delivery": claim.number, "error": error},
        )
        return Attempt(at=now, duration_s=round(took, 3), status=status, error=error), final

    async def _end(self) -> None:
        if self._sending:
            await asyncio.wait(self._sending, timeout=self.pace.patience_s)
        for task in self._sending:
            task.cancel()
        with contextlib.suppress(JobsError):
            await self.runner.run(deliveries.leave(self._name))
        await self.sender.aclose()


def _verdict(claim: Claim, attempt: Attempt, *, final: bool) -> tuple[DeliveryState, float | None]:
    if attempt.error is None:
        return "delivered", None
    made = claim.since_again + 1
    if final or made >= MAX_ATTEMPTS:
        return "failed", None
    return "pending", time.time() + delay_s(made, random.random())  # noqa: S311 - a delay, no secret
