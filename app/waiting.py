"""Waiting for a job without holding a thread, and no longer than anyone listens."""

import asyncio
import re
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from app import draining
from app.prompt_runner import PromptRunner
from jobs import store
from jobs.errors import JobNotFound
from jobs.record import Job

FIRST_LOOK_S = 0.02
LONGEST_GAP_S = 0.5
_WAIT = re.compile(r"(?:^|[,\s])wait\s*=\s*\"?(\d{1,6})\"?\s*(?=$|[,;])", re.IGNORECASE)

T = TypeVar("T")


def preferred_wait(prefer: str | None) -> int | None:
    """Seconds of `Prefer: wait=<s>` (RFC 7240); None where there is none, or none that is valid."""
    match = _WAIT.search(prefer) if prefer else None
    return int(match[1]) if match else None


async def read_job(runner: PromptRunner, job_id: str, *, tenant: str) -> Job:
    """A tenant's job as it stands.

    Raises:
        JobNotFound: It has none of this id.
        JobGone: It had one.
        StoreUnavailable: Redis is away.
    """
    job = await runner.run(store.read(job_id, tenant=tenant, now=time.time()))
    if job is None:
        raise JobNotFound(job_id)
    return job


async def wait_for_change(
    runner: PromptRunner, job: Job, *, seconds: float, enough: Callable[[Job], bool]
) -> Job:
    """Reads the job again at each change, until `enough` of it, or the time or the process is over.

    Asks Redis for the version alone between, at growing intervals.

    Raises:
        JobGone: It was deleted meanwhile.
        StoreUnavailable: Redis went away.
    """
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds
    gap = FIRST_LOOK_S
    while not enough(job) and not draining.asked() and (left := ends - loop.time()) > 0:
        # The version does not show that a deadline has passed; reading the job at it does.
        until_deadline = max(job.spec.deadline_at - time.time(), 0.0) + FIRST_LOOK_S
        await asyncio.sleep(min(gap, left, until_deadline))
        gap = min(1.15 * gap, LONGEST_GAP_S)
        version = await runner.run(store.version(job.spec.id, tenant=job.spec.tenant))
        if version != job.version or time.time() >= job.spec.deadline_at:
            job = await read_job(runner, job.spec.id, tenant=job.spec.tenant)
    return job


async def while_connected(work: Coroutine[Any, Any, T], receive: Receive) -> T:
    """The result of `work`, which is given up as soon as the client has gone.

    Args:
        work: What to wait for.
        receive: The request's channel.

    Raises:
        ClientDisconnect: Nobody is listening any more.
        BodyTimeout: There is more of the request, and it does not come.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        leaving.result()
        raise ClientDisconnect
    finally:
        working.cancel()
        leaving.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
