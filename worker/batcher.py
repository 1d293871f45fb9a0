"""One thread that owns the models and the device, and fills its batches from all that waits."""

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from threading import Condition, Thread
from time import monotonic
from typing import Protocol

from smoothing.certificate import Votes
from smoothing.sampler import Draws

logger = logging.getLogger(__name__)


class BatchSampler(Protocol):
    """What the batcher needs of a `smoothing.sampler.Sampler`."""

    batch_size: int

    def run(self, slices: Sequence[Draws]) -> list[Votes]:
        """The votes of each slice, from one forward pass."""
        ...


class BatcherClosed(Exception):
    """The worker is shutting down; the draws were not made."""


@dataclass(slots=True)
class _Request:
    """Draws that somebody waits for, and how far they are."""

    draws: Draws
    future: "Future[Votes]" = field(default_factory=Future)
    sent: int = 0
    votes: Votes | None = None

    @property
    def left(self) -> int:
        return self.draws.num_draws - self.sent

    def take(self, rows: int) -> Draws:
        start = self.draws.start + self.sent
        self.sent += rows
        return replace(self.draws, start=start, stop=start + rows)

    def receive(self, votes: Votes) -> None:
        self.votes = votes if self.votes is None else self.votes + votes
        if self.votes.total == self.draws.num_draws:
            self.future.set_result(self.votes)


class Batcher:
    """Runs the draws of many callers in batches of one static shape.

    A batch is shared evenly among the jobs that wait for its model, whatever their noise level or
    numerics, so a short job need not wait for a long one to end. The requests of one job, told by
    their key, are served in turn, so that the first is done soon.

    Args:
        load: Called first, in the batcher's thread: the samplers by model id.
        on_error: Told of every error of a batch, before those who wait; may end the process.
    """

    def __init__(
        self,
        load: Callable[[], Mapping[str, BatchSampler]],
        *,
        on_error: Callable[[Exception], None] = lambda _: None,
    ) -> None:
        self._load = load
        self._on_error = on_error
        self._loaded: Future[None] = Future()
        self._changed = Condition()
        self._waiting: dict[str, deque[_Request]] = {}
        self._closing = False
        self._busy_since: float | None = None
        self._thread = Thread(target=self._main, name="batcher", daemon=True)

    def start(self) -> None:
        """Load the models, and return when they are loaded.

        Raises:
            Exception: Whatever `load` raises.
        """
        self._thread.start()
        self._loaded.result()

    def submit(self, model_id: str, draws: Draws) -> "Future[Votes]":
        """Have draws made; the future holds their votes, or what went wrong with them."""
        request = _Request(draws)
        with self._changed:
            if self._closing:
                request.future.set_exception(BatcherClosed("the worker is shutting down"))
                return request.future
            self._waiting.setdefault(model_id, deque()).append(request)
            self._changed.notify()
        return request.future

    def busy_s(self) -> float:
        """Seconds that the batch now on the device has taken; 0 between batches."""
        since = self._busy_since
        return 0.0 if since is None else monotonic() - since

    def close(self, *, timeout_s: float = 5.0) -> None:
        """Finish the batch on the device and stop; what waits fails with `BatcherClosed`."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _main(self) -> None:
        try:
            samplers = dict(self._load())
        except BaseException as error:  # noqa: BLE001 - it is raised again where `start` waits
            self._loaded.set_exception(error)
            return
        self._loaded.set_result(None)
        while (model_id := self._next_model()) is not None:
            requests = self._waiting[model_id]
            if model_id not in samplers:
                self._drop(requests, KeyError(f"no model {model_id!r} is loaded"))
                continue
            self._run(samplers[model_id], requests)
        for requests in self._waiting.values():
            self._drop(requests, BatcherClosed("the worker is shutting down"))

    def _next_model(self) -> str | None:
        """The model with waiting requests whose turn it is; None when closing."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or any(self._waiting.values()))
            if self._closing:
                return None
            model_id = next(name for name, requests in self._waiting.items() if requests)
            # To the end of the line, so that models take turns.
            self._waiting[model_id] = self._waiting.pop(model_id)
            return model_id

    def _drop(self, requests: deque[_Request], error: Exception) -> None:
        while requests:
            requests.popleft().future.set_exception(error)

    def _run(self, sampler: BatchSampler, requests: deque[_Request]) -> None:
        shares = self._share(sampler.batch_size, requests)
        slices = [(request, request.take(rows)) for request, rows in shares]
        self._busy_since = monotonic()
        try:
            self._count(sampler, slices)
        finally:
            self._busy_since = None
        with self._changed:
            for request in [each for each in requests if each.future.done()]:
                requests.remove(request)

    def _share(self, room: int, requests: deque[_Request]) -> list[tuple[_Request, int]]:
        """Which requests get how many rows of a batch."""
        jobs: dict[bytes, list[_Request]] = {}
        with self._changed:
            for request in requests:
                jobs.setdefault(request.draws.key, []).append(request)
        shares: list[tuple[_Request, int]] = []
        # Few rows first: what they do not need of their share goes to the others.
        waiting = sorted(jobs.values(), key=lambda job: sum(each.left for each in job))
        for place, job in enumerate(waiting):
            share = -(-room // (len(waiting) - place))
            for request in job:
                rows = min(request.left, share)
                if rows:
                    shares.append((request, rows))
                    share -= rows
                    room -= rows
        return shares

    def _count(self, sampler: BatchSampler, slices: list[tuple[_Request, Draws]]) -> None:
        try:
            votes = sampler.run([draws for _, draws in slices])
        except Exception as error:  # noqa: BLE001 - each request gets its own error
            self._on_error(error)
            if len(slices) == 1:
                slices[0][0].future.set_exception(error)
                return
            logger.warning("batch failed, trying its parts", extra={"parts": len(slices)})
            for part in slices:
                self._count(sampler, [part])
            return
        for (request, _), counted in zip(slices, votes, strict=True):
            request.receive(counted)
