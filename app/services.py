"""The composition root: everything the routes need, built once from the settings."""

import secrets
import time
from dataclasses import dataclass
from typing import Protocol

from redis.asyncio import Redis

from app.access.authenticator import Authenticator
from app.fleet import Fleet
from app.images import Images
from app.prompt_runner import PromptRunner
from app.settings import AppSettings
from jobs import store
from jobs.command import AsyncRunner
from jobs.connection import make_async_redis
from jobs.keys import secret_from_text
from jobs.queue import Waker, make_celery
from model_store.decoding import ImageLimits
from model_store.registry import Registry


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

    Redis is asked each time, with the last answer as the candidate: should it lose its data, it
    gets the same secret back, and equal requests still meet the same noise.
    """

    def __init__(self, runner: PromptRunner, *, given: bytes | None) -> None:
        self._runner = runner
        self._given = given
        self._last = secrets.token_bytes(32)

    async def read(self) -> bytes:
        """The 32 secret bytes.

        Raises:
            StoreUnavailable: They are kept in Redis, and Redis is away.
        """
        if self._given is not None:
            return self._given
        self._last = await self._runner.run(store.server_secret(self._last))
        return self._last


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the routes work with.

    Attributes:
        settings: Limits and defaults.
        registry: The models.
        authenticator: Who sent a request.
        runner: The job store.
        fleet: The workers.
        images: Decoding, off the event loop.
        secret: The server's secret.
        waker: Tells workers that a job waits.
        redis: The connection under `runner`.
    """

    settings: AppSettings
    registry: Registry
    authenticator: Authenticator
    runner: PromptRunner
    fleet: Fleet
    images: Images
    secret: Secret
    waker: WakesWorkers
    redis: Redis

    async def aclose(self) -> None:
        """Ends what runs in the background and closes connections."""
        await self.waker.aclose()
        await self.redis.aclose()


def build_services(settings: AppSettings, *, waker: WakesWorkers | None = None) -> Services:
    """The services of one process. Connects to nothing: Redis may come later.

    Args:
        settings: Of the process.
        waker: Instead of one that sends Celery messages.
    """
    redis = make_async_redis(settings.redis_url)
    runner = PromptRunner(AsyncRunner(redis))
    given = settings.dmae_secret
    return Services(
        settings=settings,
        registry=Registry(settings.model_store_dir, default_id=settings.default_model),
        authenticator=Authenticator(runner, mode=settings.keys),
        runner=runner,
        fleet=Fleet(runner, clock=time.monotonic),
        images=Images(image_limits(settings), threads=settings.decode_threads),
        secret=Secret(
            runner, given=None if given is None else secret_from_text(given.get_secret_value())
        ),
        waker=waker or Waker(make_celery(settings.redis_url)),
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
