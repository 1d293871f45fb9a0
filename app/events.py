"""A job as a stream of Server-Sent Events, from where the reader left off to its end."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from app import draining
from app.access.errors import AccessError
from app.certifications import Expected, expected
from app.services import Services
from app.waiting import wait_for_change
from jobs.errors import JobNotFound, StoreUnavailable
from jobs.record import Job

HEARTBEAT_S = 15.0
"""Proxies close what is silent for long."""

STREAM_S = 300.0
"""Then the reader comes back by itself."""

RETRY_MS = 2_000


def seen_all(job: Job, last_event_id: str | None) -> bool:
    """Whether a reader that comes back has nothing more to expect of the job."""
    return job.state.terminal and last_event_id == str(job.version)


async def job_events(
    job: Job,
    services: Services,
    *,
    body: Callable[[Expected], str],
    still_allowed: Callable[[], Awaitable[object]],
    last_event_id: str | None = None,
    heartbeat_s: float = HEARTBEAT_S,
    stream_s: float = STREAM_S,
) -> AsyncGenerator[bytes]:
    """What happens to a job, as it happens; ends with it.

    Events are `state` where the job's state changed, also at the start, else `progress`; both carry
    the job. `certificate`, before the last `state`, carries the certificate alone. The id of an
    event is the version of the job.

    Args:
        job: As it stands.
        services: Where it is read again.
        body: A job as JSON.
        still_allowed: Raises when the reader's key opens nothing any more.
        last_event_id: Of the last event that the reader got, if it is back.
        heartbeat_s: Seconds after which something is sent, whatever.
        stream_s: Seconds after which it ends, whatever.
    """
    loop = asyncio.get_running_loop()
    ends = loop.time() + stream_s
    yield format_sse_event(retry=RETRY_MS)
    try:
        if last_event_id != str(job.version):
            yield await _told(job, services, body, event="state")
        # A process that ends lets its readers go; they come back to another.
        while not (job.state.terminal or draining.asked()) and (left := ends - loop.time()) > 0:
            before = job
            job = await wait_for_change(
                services.runner,
                job,
                seconds=min(heartbeat_s, left),
                enough=_changed_since(before),
            )
            await still_allowed()
            if job.version == before.version:
                yield KEEPALIVE_COMMENT
                continue
            event = "progress" if job.state == before.state else "state"
            yield await _told(job, services, body, event=event)
    except (AccessError, JobNotFound, StoreUnavailable):
        return  # the reader comes back, and is told why


def _changed_since(before: Job) -> Callable[[Job], bool]:
    return lambda job: job.version != before.version


async def _told(
    job: Job, services: Services, body: Callable[[Expected], str], *, event: str
) -> bytes:
    text = format_sse_event(
        event=event, data_str=body(await expected(job, services)), id=str(job.version)
    )
    if job.certificate is None:
        return text
    # Without an id: who got it and not the end that follows must get both again.
    certificate = json.dumps(job.certificate)
    return format_sse_event(event="certificate", data_str=certificate) + text
