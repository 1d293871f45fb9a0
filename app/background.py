"""What a process does beside answering requests, from its start to its end."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import asynccontextmanager

AGAIN_S = 3.0


@asynccontextmanager
async def in_background(
    work: Sequence[Coroutine[object, object, None]], *, again_s: float = AGAIN_S
) -> AsyncGenerator[None]:
    """Has work done while the block runs, and cancelled after it, until all of it has ended.

    More than once where need be: libraries swallow a cancellation now and then, as
    `asyncio.wait_for` does before Python 3.12 in the moment in which it is done.

    Args:
        work: Each for ever.
        again_s: For how long each may tidy up before it is cancelled again.
    """
    tasks = {asyncio.create_task(each) for each in work}
    try:
        yield
    finally:
        while tasks:
            for task in tasks:
                task.cancel()
            _, tasks = await asyncio.wait(tasks, timeout=again_s)
