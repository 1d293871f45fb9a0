"""The composition root: everything the routes need, built once from the settings."""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from redis.asyncio import Redis

from app.access.authenticator import Authenticator
from app.access.refusals import Refusals
from app.catalogue import Catalogue
from app.certificates.signer import Signer
from app.fleet import Fleet
from app.images import Images
from app.places import Places
from app.prompt_runner import PromptRunner
from app.recent import Recent
from app.settings import AppSettings
from app.webhooks.allow import AllowList
from app.webhooks.courier import Courier
from app.webhooks.sender import Sender
from jobs import store
from jobs.command import AsyncRunner
from jobs.connection import make_async_redis
from jobs.keys import secret_from_text
from jobs.queue import Waker, make_celery
from jobs.spans import Tracing
from jobs.together import Together
from jobs.tracing import start_tracing
from model_store.decoding import ImageLimits
from model_store.registry import Registry

EVALUATION_UPLOADS = 2


class WakesWorkers(Protocol):
    """What tells workers that a job waits; workers find it by themselves if the message is lost."""

    def wake(self, model_id: str) -> None:
        """Asks that queued jobs of a model be admitted; returns at once and never raises."""
        ...

    async def aclose(self) -> None:
        """Sends what is still to be sent."""
        ...


class Secret:
    """The secret that noise is derived from: from the settings, else kept in Redis.

    Redis is asked again and again, with the last answer as the candidate: should it lose its
    data, it gets the same secret back, and equal requests still meet the same noise.

    Args:
        runner: The Redis that keeps it.
        given: The operator's own, which is kept nowhere.
        clock: Seconds, for how long an answer is used again.
    """

    def __init__(
        self, runner: PromptRunner, *, given: bytes | None, clock: Callable[[], float]
    ) -> None:
        self._runner = runner
        self._given = given
        self._last = secrets.token_bytes(32)
        self._kept = Recent[bytes](clock)

    async def read(self) -> bytes:
        """The 32 secret bytes.

        Raises:
            StoreUnavailable: They are kept in Redis, and Redis is away.
        """
        if self._given is not None:
            return self._given
        self._last = await self._kept.get(
            "", lambda: self._runner.run(store.server_secret(self._last))
        )
        return self._last


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the routes work with.

    Attributes:
        settings: Limits and defaults.
        registry: The models.
        authenticator: Who sent a request.
        refusals: Whom to refuse at once.
        runner: The job store.
        fleet: The workers.
        images: Decoding, off the event loop.
        secret: The server's secret.
        signer: Recomputes and signs certificates.
        waker: Tells workers that a job waits.
        receivers: To whom messages about jobs may go.
        tracing: Spans of what is done, where they are asked for.
        evaluation_uploads: Lets in a few evaluations at a time, since they are read in memory.
        redis: The connection under `runner`.
    """

    settings: AppSettings
    registry: Registry
    authenticator: Authenticator
    refusals: Refusals
    runner: PromptRunner
    fleet: Fleet
    images: Images
    secret: Secret
    signer: Signer
    waker: WakesWorkers
    receivers: AllowList
    tracing: Tracing
    evaluation_uploads: Places
    redis: Redis

    def courier(self) -> Courier | None:
        """The background task that sends webhooks; None where there are none to send."""
        if not self.receivers:
            return None
        sender = Sender(self.receivers)
        return Courier(runner=self.runner, sender=sender, server_secret=self.secret.read)

    async def aclose(self) -> None:
        """Ends what runs in the background and closes connections."""
        await self.waker.aclose()
        await self.redis.aclose()
        await asyncio.to_thread(self.tracing.close)


def build_services(settings: AppSettings, *, waker: WakesWorkers | None = None) -> Services:
    """The services of one process. Connects to nothing: Redis may come later.

    Args:
        settings: Of the process.
        waker: Instead of one that sends Celery messages.
    """
    redis = make_async_redis(settings.redis_url)
    runner = PromptRunner(AsyncRunner(Together(redis)))
    given = settings.dmae_secret
    return Services(
        settings=settings,
        registry=Catalogue(
            settings.model_store_dir, default_id=settings.default_model, clock=time.monotonic
        ),
        authenticator=Authenticator(runner, mode=settings.keys),
        refusals=Refusals(),
        runner=runner,
        fleet=Fleet(runner, clock=time.monotonic),
        images=Images(image_limits(settings), threads=settings.decode_threads),
        secret=Secret(
            runner,
            given=None if given is None else secret_from_text(given.get_secret_value()),
            clock=time.monotonic,
        ),
        signer=Signer(settings.signing_keys_dir, issuer=settings.issuer),
        waker=waker or Waker(make_celery(settings.redis_url)),
        receivers=AllowList.parse(settings.webhook_allow),
        tracing=start_tracing("dmae-web"),
        evaluation_uploads=Places(EVALUATION_UPLOADS, most_each=EVALUATION_UPLOADS - 1),
        redis=redis,
    )


def image_limits(settings: AppSettings) -> ImageLimits:
    """The limits that uploads are held to."""
    return ImageLimits(
        max_bytes=settings.max_upload_bytes,
        max_side=settings.max_image_side,
        max_pixels=settings.max_image_pixels,
        min_side=settings.min_image_side,
    )
