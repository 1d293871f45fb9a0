"""The queue: a Celery app that sends by task name, and a waker that sends few messages."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import celery

from jobs.connection import celery_url
from jobs.queue_names import ADMIT_TASK, DRAW_TASK, KEY_PREFIX, admit_queue, draw_queue
from jobs.record import Chunk
from jobs.transport import register

logger = logging.getLogger(__name__)

VISIBILITY_TIMEOUT_S = 10
"""A message not acknowledged for so long goes to another worker."""


def make_celery(redis_url: str) -> celery.Celery:
    """A Celery app that can send; connects to nothing.

    Messages carry a chunk's address in JSON and no result: the job's record is the only truth. A
    message is acknowledged after its task, so what a killed worker held comes back.
    """
    register()
    app = celery.Celery("dmae", broker=celery_url(redis_url), set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        # A Redis that answers, but must not write now, is away like one that does not answer.
        broker_channel_error_retry=True,
        broker_connection_max_retries=None,
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=1,
        broker_transport_options={
            "global_keyprefix": KEY_PREFIX,
            "health_check_interval": 10,
            "socket_connect_timeout": 1,
            "socket_keepalive": True,
            # Longer than the transport's blocking pop, which lasts a second.
            "socket_timeout": 10,
            "unacked_restore_interval": 2,
            "unacked_restore_throttle": 1,
            "visibility_timeout": VISIBILITY_TIMEOUT_S,
        },
        event_serializer="json",
        result_serializer="json",
        task_acks_late=True,
        task_create_missing_queues=True,
        task_ignore_result=True,
        task_publish_retry=False,
        task_reject_on_worker_lost=False,
        task_serializer="json",
        visibility_timeout=VISIBILITY_TIMEOUT_S,
        worker_hijack_root_logger=False,
        worker_prefetch_multiplier=1,
        worker_send_task_events=False,
    )
    return app


def send_admit(app: celery.Celery, model_id: str) -> None:
    """Ask the workers of a model to start its queued jobs."""
    app.send_task(ADMIT_TASK, args=[model_id], queue=admit_queue(model_id), expires=60)


def send_draw(app: celery.Celery, model_id: str, chunk: Chunk) -> None:
    """Send a chunk to the workers of its model."""
    args = [chunk.job_id, chunk.phase.value, chunk.start, chunk.stop]
    app.send_task(DRAW_TASK, args=args, queue=draw_queue(model_id))


class Waker:
    """Wakes workers when a job was submitted: at most one message per model and interval.

    One message costs the web process as much as the rest of a request, hence few. None has to
    arrive: the workers look for queued jobs every second by themselves.

    Args:
        app: Sends the messages, in a thread.
        interval_s: Seconds between two messages for one model.
        send: What sends; for tests.
    """

    def __init__(
        self,
        app: celery.Celery,
        *,
        interval_s: float = 0.05,
        send: Callable[[celery.Celery, str], Any] = send_admit,
    ) -> None:
        self._app = app
        self._interval_s = interval_s
        self._send = send
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()

    def wake(self, model_id: str) -> None:
        """Have the workers of a model look for queued jobs soon. Neither blocks nor raises.

        Call it on the event loop.
        """
        self._again.add(model_id)
        if model_id not in self._tasks:
            self._tasks[model_id] = asyncio.create_task(self._deliver(model_id))

    async def aclose(self) -> None:
        """Let go of what is being sent."""
        for task in tuple(self._tasks.values()):
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()

    async def _deliver(self, model_id: str) -> None:
        try:
            while model_id in self._again:
                self._again.discard(model_id)
                await self._attempt(model_id)
                await asyncio.sleep(self._interval_s)
        finally:
            self._tasks.pop(model_id, None)

    async def _attempt(self, model_id: str) -> None:
        try:
            await asyncio.to_thread(self._send, self._app, model_id)
        except Exception:  # noqa: BLE001 - whatever is wrong, the workers look by themselves
            logger.info("wake-up not sent", extra={"model": model_id})
