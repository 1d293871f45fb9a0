"""The worker's two ticks: it says that it lives, and looks after jobs whose messages were lost."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from threading import Event, Lock, Thread

from jobs import ledger, store
from jobs.errors import StoreUnavailable
from jobs.record import WorkerInfo, WorkerModel
from worker.drawing import Drawing
from worker.patient import Runner
from worker.telemetry import Counters
from worker.watchdog import Watchdog

logger = logging.getLogger(__name__)

CHUNKS_PER_WORKER = 3
"""One on the device, one behind it, one on its way: a worker so always has work of a job that is
alone, and what comes later need not wait long."""

TICK_S = 1.0
LOOKS_A_SECOND = 100
LONGEST_PAUSE_S = 20.0
"""Well under the time after which a consumer that hears nothing counts as deaf."""


def window_for(workers: tuple[WorkerInfo, ...], model_id: str) -> int:
    """Whole chunks of a model that may be under way: enough to keep every worker busy.

    More would only make others wait behind them. Of jobs that are smaller than a chunk, as many
    are under way as make up for it.

    Args:
        workers: All that live.
        model_id: Which model.
    """
    serving = sum(
        info.state == "ready" and any(model.id == model_id for model in info.models)
        for info in workers
    )
    return CHUNKS_PER_WORKER * max(serving, 1)


def look_every(workers: int) -> float:
    """Seconds from one look after jobs to the next.

    Any worker can look after all jobs, and each look reads all heartbeats: together they look about
    a hundred times a second, however many they are.

    Args:
        workers: All that live.
    """
    return min(max(workers / LOOKS_A_SECOND, TICK_S), LONGEST_PAUSE_S)


class Windows:
    """The window of each model, as the latest look at the live workers gave it."""

    def __init__(self) -> None:
        self._windows: dict[str, int] = {}

    def __call__(self, model_id: str) -> int:
        """The window of a model."""
        return self._windows.get(model_id, CHUNKS_PER_WORKER)

    def update(self, windows: dict[str, int]) -> None:
        """Replace all windows."""
        self._windows = windows


class Presence:
    """Two threads that tick about once a second, whatever happens to Redis.

    One says that the worker lives, and watches its device; what it says must not wait for the
    other, which looks after jobs and may have much to do.

    Args:
        runner: The store.
        info: What this worker says of itself while it starts.
        drawing: Admits and revives; not before the worker is ready.
        windows: Kept up to date.
        watchdog: Ends the process when it is of no use.
        counters: What the worker counts of itself.
        speeds: Draws a second of its models as of late, by id.
        memory: Looks at the memory of the process.
    """

    def __init__(
        self,
        *,
        runner: Runner,
        info: WorkerInfo,
        drawing: Drawing,
        windows: Windows,
        watchdog: Watchdog,
        counters: Counters,
        speeds: Callable[[], Mapping[str, float]],
        memory: Callable[[], None] = lambda: None,
    ) -> None:
        self._runner = runner
        self._info = info
        self._drawing = drawing
        self._windows = windows
        self._watchdog = watchdog
        self._counters = counters
        self._speeds = speeds
        self._memory = memory
        self._stopping = Event()
        self._lock = Lock()
        self._look_every_s = TICK_S
        self._threads = [
            Thread(target=target, name=target.__name__, daemon=True)
            for target in (self._keep_saying, self._keep_looking)
        ]

    def start(self) -> None:
        """Begin to tick; models may be loaded from now on."""
        self._watchdog.watch_loading(len(self._known().models))
        for thread in self._threads:
            thread.start()

    def ready(self, models: tuple[WorkerModel, ...]) -> None:
        """Say from now on that chunks can be drawn."""
        self._counters.ready()
        with self._lock:
            self._info = replace(self._info, state="ready", models=models)
        self.say_alive()
        self.look_after_jobs()

    def stop(self) -> None:
        """Tick no more, and take leave."""
        self._stopping.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(2)
        try:
            self._runner.run(ledger.leave(self._info.instance))
        except StoreUnavailable:
            logger.info("left without a word")

    def say_alive(self) -> None:
        """One heartbeat, and one look at the device; never raises."""
        info = self._known()
        if info.state == "ready":
            self._watchdog.watch_device()
            self._memory()
        speeds = self._speeds()
        models = tuple(
            replace(model, draws_per_s=round(speeds[model.id], 1)) if model.id in speeds else model
            for model in info.models
        )
        info = replace(info, models=models, counters=self._counters.read())
        self._attempt(lambda: self._runner.run(ledger.heartbeat(info)))

    def look_after_jobs(self) -> None:
        """One look after all jobs; never raises."""
        self._attempt(self._look_after_jobs)

    def _known(self) -> WorkerInfo:
        with self._lock:
            return self._info

    def _attempt(self, tick: Callable[[], None]) -> None:
        try:
            tick()
        except StoreUnavailable:
            self._watchdog.excuse_consumer()
            logger.warning("tick without Redis")
        except Exception:  # a tick that ended would let this worker seem dead
            logger.exception("tick failed")

    def _look_after_jobs(self) -> None:
        self._drawing.release_abandoned()
        self._drawing.assignments.forget_idle()
        info = self._known()
        if info.state != "ready":
            return
        model_ids = tuple(model.id for model in info.models)
        workers = self._runner.run(store.workers())
        self._look_every_s = look_every(len(workers))
        self._windows.update({model_id: window_for(workers, model_id) for model_id in model_ids})
        for model_id in model_ids:
            self._drawing.admit(model_id)
            self._drawing.revive(model_id)
        waiting = sum(self._runner.run(ledger.waiting(model_id)) for model_id in model_ids)
        if not self._drawing.idle:
            waiting = 0  # who has chunks in hand need not take more
        self._watchdog.watch_consumer(
            messages_waiting=waiting, draws_begun=self._drawing.draws_begun
        )

    def _keep_saying(self) -> None:
        while not self._stopping.is_set():
            self.say_alive()
            self._stopping.wait(TICK_S)

    def _keep_looking(self) -> None:
        while not self._stopping.is_set():
            self.look_after_jobs()
            self._stopping.wait(self._look_every_s)
