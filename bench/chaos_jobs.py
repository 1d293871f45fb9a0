"""Jobs of every mode, submitted and followed by clients that do not give up."""

import hashlib
import random
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from app.client import Certificate, Client, ClientError, Job
from app.client.errors import (
    Conflict,
    Gone,
    NoCertificate,
    ServiceUnavailable,
    ServiceUnreachable,
    TooManyRequests,
    WaitedTooLong,
)
from app.client.views import TERMINAL
from bench.load_requests import picture
from bench.report import shown

SIGMA = 0.25
PASSING = (ServiceUnavailable, ServiceUnreachable, TooManyRequests)
"""What a client lives through: it asks again."""

FORMS: Sequence[dict[str, Any]] = (
    {"mode": "fixed", "n": 1_500},
    {"mode": "fixed", "n": 1_000, "bound": "runner-up"},
    {"mode": "fixed", "n": 20_000},
    {"mode": "adaptive", "n": 3_000, "precision": 0.1},
    {"mode": "adaptive", "n": 2_000, "bound": "runner-up"},
    {"mode": "decide", "n": 4_000, "radius": 0.1},
    {"mode": "decide", "n": 4_000, "radius": 0.4},
    {"mode": "anytime", "n": 10_000},
    {"mode": "predict", "n": 1_000},
)
LARGE: dict[str, dict[str, Any]] = {
    "fixed": {"mode": "fixed", "n": 100_000},
    "anytime": {"mode": "anytime", "n": 100_000},
}
"""Those that are cancelled while they run."""

CANCELLED_SHARE, TWICE_SHARE = 0.1, 0.15
AT_A_TIME = 5
"""Jobs that are due together, so that there is a queue for the killer to meet."""
AT_ONCE = 96
PAUSE_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A job to submit.

    Attributes:
        number: Of the job, and the seed of its picture.
        fields: Of the form.
        due_s: When, in seconds after the beginning.
        key: Its Idempotency-Key.
        twice: Whether two clients submit it under the one key at the same time.
        cancel_s: Seconds after which its client cancels it; None for never.
    """

    number: int
    fields: dict[str, Any]
    due_s: float
    key: str
    twice: bool
    cancel_s: float | None

    @property
    def image(self) -> bytes:
        """Its picture, another for each job."""
        return picture(self.number)


@dataclass(slots=True, kw_only=True)
class Life:
    """What a client saw of a job.

    Attributes:
        ask: What it submitted.
        ids: Of the job; more than one would be a fault.
        state: The last that it saw.
        sha256: Of its certificate as it was served with its 200, byte for byte.
        certificate: That certificate.
        undrawn: Whether it was cancelled before its first draw: such are forgotten soon.
        faults: What should not have happened.
        retries: Requests that were not answered, or refused for the time being.
    """

    ask: Ask
    ids: set[str] = field(default_factory=set[str])
    state: str | None = None
    sha256: str | None = None
    certificate: Certificate | None = None
    undrawn: bool = False
    faults: list[str] = field(default_factory=list[str])
    retries: int = 0

    @property
    def ended(self) -> bool:
        """Whether it saw the end."""
        return self.state in TERMINAL


def asks(count: int, seconds: float, chance: random.Random) -> Iterator[Ask]:
    """So many jobs, a few at a time, evenly over the time."""
    for number in range(count):
        cancelled = chance.random() < CANCELLED_SHARE
        fields = chance.choice(list(LARGE.values())) if cancelled else FORMS[number % len(FORMS)]
        yield Ask(
            number=number,
            fields=fields,
            due_s=seconds * (number - number % AT_A_TIME) / count,
            key=str(uuid.UUID(int=chance.getrandbits(128))),
            twice=chance.random() < TWICE_SHARE,
            cancel_s=chance.uniform(0.2, 4.0) if cancelled else None,
        )


class Customers:
    """Clients of one service.

    Args:
        client: That they share.
        last_s: Seconds after the last submission until when a job must have ended.

    Attributes:
        lives: Of the jobs that were due so far.
        lost: Those whose certificate was another, or none, when it was read again.
        strangers: Ids of jobs that no client was told, or that the service does not list, but for
            those that it may have forgotten by then.
    """

    def __init__(self, client: Client, *, last_s: float) -> None:
        self._client, self._last_s = client, last_s
        self._give_up_at = float("inf")
        self.lives: list[Life] = []
        self.lost: list[Life] = []
        self.strangers: list[str] = []

    def under_way(self) -> int:
        """Jobs that were accepted and have not ended."""
        return sum(bool(life.ids) and not life.ended for life in list(self.lives))

    def serve(self, wanted: Sequence[Ask]) -> None:
        """Submit all when they are due, and follow them to the end."""
        began = time.monotonic()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for ask in shown(wanted, "jobs submitted"):
                time.sleep(max(0.0, began + ask.due_s - time.monotonic()))
                life = Life(ask=ask)
                self.lives.append(life)
                pool.submit(self._live, life)
            self._give_up_at = time.monotonic() + self._last_s

    def look_again(self) -> None:
        """Read all certificates again, and the list of all jobs."""
        self._give_up_at = time.monotonic() + self._last_s
        served = [life for life in self.lives if life.sha256 is not None]
        with ThreadPoolExecutor(4) as pool:
            again = list(pool.map(self._read_again, served))
        self.lost = [
            life for life, sha256 in zip(served, again, strict=True) if sha256 != life.sha256
        ]
        told = {job_id for life in self.lives for job_id in life.ids}
        listed = {job.id for job in self._client.jobs()}
        undrawn = {min(life.ids) for life in self.lives if life.undrawn}
        forgotten = {job_id for job_id in undrawn - listed if self._is_gone(job_id)}
        self.strangers = sorted((listed ^ told) - forgotten)

    def _is_gone(self, job_id: str) -> bool:
        """Whether the service says that there was such a job, which is what it should say of it."""
        try:
            self._client.job(job_id)
        except Gone:
            return True
        return False

    def _read_again(self, life: Life) -> str | None:
        """Digest of a job's certificate as it is served now; None if it is not."""
        while time.monotonic() < self._give_up_at:
            try:
                return _digest(self._client.job(min(life.ids)).wait(timeout=0.0))
            except PASSING:
                time.sleep(PAUSE_S)
            except ClientError:
                return None
        return None

    def _live(self, life: Life) -> None:
        try:
            other = threading.Thread(target=self._submit, args=(life,))
            if life.ask.twice:
                other.start()
            job = self._submit(life)
            if life.ask.twice:
                other.join()
            if job is not None and life.ask.cancel_s is not None:
                time.sleep(life.ask.cancel_s)
                self._cancel(life, job)
            if job is not None:
                self._follow(life, job)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a fault of this life
            life.faults.append(repr(error))

    def _submit(self, life: Life) -> Job | None:
        ask = life.ask
        while time.monotonic() < self._give_up_at:
            try:
                job = self._client.certify(
                    ask.image, sigma=SIGMA, idempotency_key=ask.key, **ask.fields
                )
            except PASSING:
                life.retries += 1
                time.sleep(PAUSE_S)
            except ClientError as error:
                life.faults.append(f"submission: {error!r}")
                return None
            else:
                life.ids.add(job.id)
                return job
        life.faults.append("it was never accepted")
        return None

    def _cancel(self, life: Life, job: Job) -> None:
        while time.monotonic() < self._give_up_at:
            try:
                job.cancel()
            except PASSING:
                life.retries += 1
                time.sleep(PAUSE_S)
            except Conflict:
                return  # it had ended
            else:
                return

    def _follow(self, life: Life, job: Job) -> None:
        while time.monotonic() < self._give_up_at:
            try:
                life.certificate = job.wait(timeout=10.0)
                life.sha256, life.state = _digest(life.certificate), job.status.state
            except NoCertificate as error:
                life.state = error.status.state
                life.undrawn = life.state == "cancelled" and not error.status.draws_done
            except WaitedTooLong:
                continue
            except PASSING:
                life.retries += 1
                time.sleep(PAUSE_S)
                continue
            except ClientError as error:
                life.faults.append(f"reading: {error!r}")
            return
        life.state = job.status.state


def _digest(certificate: Certificate) -> str:
    return hashlib.sha256(certificate.content).hexdigest()
