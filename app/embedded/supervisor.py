"""Starts parts, replaces those that die, and stops them in order."""

import asyncio
import signal
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from shutil import disk_usage

from app.embedded.errors import ChildFailed, StartTimeout
from app.embedded.lifeline import Lifeline
from app.embedded.part import Life, Part, how_it_ended, last_lines, trim

Report = Callable[[str], None]
"""Tells the person at the terminal one thing."""

FROM_OUTSIDE = frozenset({-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP})
"""Exit codes of what somebody else ended. That says nothing against a part that was ready once,
which is started again however often it happens."""

FULL_BYTES = 2**20
"""With less left to write, the store ends at its next write, and logs lack their last lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """When to go on, and when to give up.

    Attributes:
        deaths: So many deaths of one part's own making within `window_s` end the stack.
        window_s: See `deaths`.
        unready_lives: So many in a row of its processes that die before they are ready do too.
        first_pause_s: Before the first restart; doubled for each further death in the window.
        longest_pause_s: Between restarts.
        probe_s: Between looks at whether a part is ready.
    """

    deaths: int = 5
    window_s: float = 60.0
    unready_lives: int = 3
    first_pause_s: float = 0.25
    longest_pause_s: float = 8.0
    probe_s: float = 0.2


class Keeper:
    """Keeps one part running until it is told to stop.

    Args:
        part: What to keep running.
        ties: What makes its processes die with this one.
        report: Told of deaths.
        patience: When to give up.
    """

    def __init__(self, part: Part, *, ties: Lifeline, report: Report, patience: Patience) -> None:
        self.part = part
        self.ready = asyncio.Event()
        self._ties = ties
        self._report = report
        self._patience = patience
        self._stop_asked = asyncio.Event()
        self._life: Life | None = None
        self._deaths: deque[float] = deque()
        self._crashes: deque[float] = deque()
        self._unready_lives = 0

    async def run(self) -> None:
        """Start the part again whenever it ends; returns once it was told to stop.

        Raises:
            ChildFailed: It dies too often, or ended by itself before it was ready for once.
        """
        while not self._stop_asked.is_set():
            life = self._life = await Life.begin(self.part, self._ties)
            if self._stop_asked.is_set():
                life.terminate()
            probe = asyncio.create_task(self._probe(life))
            code = await life.end()
            probe.cancel()
            if not self._stop_asked.is_set():
                await self._pause(self._judge(code, unready=not probe.done()))

    async def stop(self, running: asyncio.Task[None]) -> None:
        """End the part: politely, then not.

        Args:
            running: The task that runs `run`.
        """
        self._stop_asked.set()
        if self._life is not None:
            self._life.terminate()
        done, _ = await asyncio.wait({running}, timeout=self.part.stop_s)
        if not done:
            self._report(f"{self.part.name} did not stop in {self.part.stop_s:g} s; killing it")
            self.kill()
            await asyncio.wait({running})

    def kill(self) -> None:
        """End the part at once."""
        self._stop_asked.set()
        if self._life is not None:
            self._life.kill()

    async def _probe(self, life: Life) -> None:
        while not await self.part.is_ready(life.pid):  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(self._patience.probe_s)
        self.ready.set()

    def _judge(self, code: int, *, unready: bool) -> float:
        """Seconds to wait before the next start, after a death."""
        patience, name = self._patience, self.part.name
        now = asyncio.get_running_loop().time()
        self._deaths.append(now)
        if code not in FROM_OUTSIDE or not self.ready.is_set():
            self._crashes.append(now)
            self._unready_lives = self._unready_lives + 1 if unready else 0
        for recent in (self._deaths, self._crashes):
            while recent and now - recent[0] > patience.window_s:
                recent.popleft()
        what = f"{name} {how_it_ended(code)}"
        # A part that ends by itself at the very start has a reason that a restart does not change.
        if code >= 0 and not self.ready.is_set():
            raise ChildFailed(self._with_log(f"{what} before it was ready"))
        if len(self._crashes) >= patience.deaths:
            raise ChildFailed(
                self._with_log(
                    f"{what}, and {len(self._crashes)} times within {patience.window_s:g} s"
                )
            )
        if self._unready_lives >= patience.unready_lives:
            raise ChildFailed(
                self._with_log(f"{what}; {self._unready_lives} starts in a row did not get ready")
            )
        pause = patience.first_pause_s * 2 ** (len(self._deaths) - 1)
        self._report(self._with_log(f"{what}; starting it again"))
        return min(pause, patience.longest_pause_s)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop_asked.wait(), seconds)

    def _with_log(self, message: str) -> str:
        lines = [f"    {line}" for line in last_lines(self.part.log)]
        if disk_usage(self.part.log.parent).free < FULL_BYTES:
            message = f"{message}. The disk is full: free some"
        return "\n".join([f"{message}. Its log, {self.part.log}, ends with:", *lines])


class Supervisor:
    """The parts of a stack, in the order in which they were added.

    Must be used from the main thread: the kernel ties children to the thread that starts them.

    Args:
        ties: What makes the parts die with this process.
        report: Told of deaths.
        patience: When to give up.
    """

    def __init__(self, *, ties: Lifeline, report: Report, patience: Patience | None = None) -> None:
        self._ties = ties
        self._report = report
        self._patience = patience or Patience()
        self._stages: list[dict[Keeper, asyncio.Task[None]]] = []
        self._stop_asked = asyncio.Event()
        self.forced = False

    def add(self, *parts: Part) -> None:
        """Start parts, which will be stopped together, before those that were added earlier."""
        keepers = [
            Keeper(part, ties=self._ties, report=self._report, patience=self._patience)
            for part in parts
        ]
        self._stages.append({keeper: asyncio.create_task(keeper.run()) for keeper in keepers})

    async def until_ready(self, timeout_s: float) -> bool:
        """Wait until all parts were ready; False if it was asked to stop before.

        Raises:
            ChildFailed: A part does not start.
            StartTimeout: After `timeout_s` seconds a part is not ready.
        """
        keepers = [keeper for stage in self._stages for keeper in stage]
        if await self._first_of(asyncio.create_task(_all_ready(keepers)), timeout_s):
            return not self._stop_asked.is_set()
        late = [keeper.part for keeper in keepers if not keeper.ready.is_set()]
        ends = [f"{part.name}:\n    " + "\n    ".join(last_lines(part.log)) for part in late]
        raise StartTimeout(f"not ready after {timeout_s:g} s: " + "\n".join(ends))

    async def until_stopped(self) -> None:
        """Wait until it is asked to stop.

        Raises:
            ChildFailed: A part dies too often.
        """
        await self._first_of(asyncio.create_task(self._keep_logs_short()), None)

    async def stop(self) -> None:
        """Stop all parts, those that were added last first."""
        for stage in reversed(self._stages):
            await asyncio.gather(*(keeper.stop(task) for keeper, task in stage.items()))
            # A failure was raised where it was waited for; another one changes nothing any more.
            await asyncio.gather(*stage.values(), return_exceptions=True)

    def interrupt(self) -> None:
        """Ask to stop; asked again, kill everything."""
        if not self._stop_asked.is_set():
            self._stop_asked.set()
            return
        self.forced = True
        for keeper in (keeper for stage in self._stages for keeper in stage):
            keeper.kill()

    async def _first_of(self, task: asyncio.Task[None], timeout_s: float | None) -> bool:
        """Wait for a task, a failure or the wish to stop; False if none came in time."""
        stop = asyncio.create_task(self._stop_asked.wait())
        keeping = [keeper for stage in self._stages for keeper in stage.values()]
        done, _ = await asyncio.wait(
            {task, stop, *keeping}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
        )
        task.cancel()
        stop.cancel()
        for failed in done.intersection(keeping):
            failed.result()
        return bool(done)

    async def _keep_logs_short(self) -> None:
        while True:
            await asyncio.sleep(10)
            for keeper in (keeper for stage in self._stages for keeper in stage):
                trim(keeper.part.log)


async def _all_ready(keepers: list[Keeper]) -> None:
    for keeper in keepers:
        await keeper.ready.wait()
