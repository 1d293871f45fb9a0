"""One thread that owns the models and the device, and fills its batches from all that waits."""

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Condition, Thread
from time import monotonic
from typing import Protocol

from smoothing.sampler import Draws
from smoothing.votes import Votes
from worker.requests import Request, shared

logger = logging.getLogger(__name__)


WORTH_WAITING = 0.1
"""Of the time that a batch takes, for those who may share the next one."""


class BatchSampler(Protocol):
    """What the batcher needs of a `smoothing.sampler.Sampler`.

    Attributes:
        batch_size: Rows of every batch.
        depth: Batches that are worth having under way at once.
    """

    batch_size: int
    depth: int

    def start(self, slices: Sequence[Draws]) -> Callable[[], list[Votes]]:
        """Start one forward pass; the votes of each slice when called."""
        ...


class BatcherClosed(Exception):
    """The worker is shutting down; the draws were not made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """Parts of requests on the device."""

    sampler: BatchSampler
    parts: list[tuple[Request, Draws]]
    finish: Callable[[], list[Votes]]
    started_at: float


class Batcher:
    """Runs the draws of many callers in batches of one static shape.

    A batch is shared evenly among the jobs that wait for its model, whatever their noise level or
    numerics, so a short job need not wait for a long one to end. The requests of one job, told by
    their key, are served in turn, so that the first is done soon.

    As many batches are under way as the device is worth, so that it computes while the noise of the
    next one is drawn. The last of them, which only waits for its turn, is started full or not at
    all: meanwhile others may come who share it. Others wait a moment for those who were just given
    their votes, since most come again at once.

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
        self._samplers: Mapping[str, BatchSampler] = {}
        self._waiting: dict[str, deque[Request]] = {}
        self._under_way: deque[_Batch] = deque()
        self._closing = False
        self._busy_since: float | None = None
        self._expected = 0
        self._expected_until = 0.0
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
        request = Request(draws)
        with self._changed:
            if self._closing:
                request.fail(BatcherClosed("the worker is shutting down"))
                return request.future
            if model_id not in self._samplers:
                request.fail(KeyError(f"no model {model_id!r} is loaded"))
                return request.future
            self._waiting.setdefault(model_id, deque()).append(request)
            self._expected = max(self._expected - 1, 0)
            self._changed.notify()
        return request.future

    def busy_s(self) -> float:
        """Seconds since the device had its last success, or its first batch; 0 where it is idle."""
        since = self._busy_since
        return 0.0 if since is None else monotonic() - since

    def close(self, *, timeout_s: float = 5.0) -> None:
        """Finish the batches on the device and stop; what waits fails with `BatcherClosed`."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _main(self) -> None:
        try:
            self._samplers = dict(self._load())
        except BaseException as error:  # noqa: BLE001 - it is raised again where `start` waits
            self._loaded.set_exception(error)
            return
        self._loaded.set_result(None)
        while True:
            model_id = self._next_model()
            if model_id is not None:
                self._start(self._samplers[model_id], self._waiting[model_id])
            elif self._under_way:
                self._finish()
            else:
                break
        for requests in self._waiting.values():
            for request in requests:
                request.fail(BatcherClosed("the worker is shutting down"))

    def _next_model(self) -> str | None:
        """The model whose turn it is to start a batch; None when one has to be finished first.

        Waits while there is neither; None without a batch under way means that this is the end.
        """
        with self._changed:
            if not self._under_way:
                self._changed.wait_for(lambda: self._closing or any(self._waiting.values()))
            model_id = self._paying()
            while model_id is not None and self._company_may_come(model_id):
                self._changed.wait(self._expected_until - monotonic())
                model_id = self._paying()
            if model_id is not None:
                # To the end of the line, so that models take turns.
                self._waiting[model_id] = self._waiting.pop(model_id)
            return model_id

    def _paying(self) -> str | None:
        """The first model of which a batch is worth starting now, beside those under way."""
        if self._closing:
            return None
        pays = (name for name in self._waiting if self._pays(name))
        return next(pays, None)

    def _pays(self, model_id: str) -> bool:
        depth = self._samplers[model_id].depth
        most = depth if self._is_full(model_id) else max(depth - 1, 1)
        return bool(self._waiting[model_id]) and len(self._under_way) < most

    def _is_full(self, model_id: str) -> bool:
        rows = sum(request.left for request in self._waiting[model_id])
        return rows >= self._samplers[model_id].batch_size

    def _company_may_come(self, model_id: str) -> bool:
        if self._expected and monotonic() >= self._expected_until:
            self._expected = 0
        return self._expected > 0 and not self._is_full(model_id)

    def _start(self, sampler: BatchSampler, requests: deque[Request]) -> None:
        with self._changed:
            shares = shared(sampler.batch_size, requests)
            parts = [(request, request.take(rows)) for request, rows in shares]
            for request in [each for each in requests if not each.left]:
                requests.remove(request)
        started_at = monotonic()
        self._busy_since = self._busy_since or started_at
        try:
            finish = sampler.start([draws for _, draws in parts])
        except Exception as error:  # noqa: BLE001 - each request gets its own error
            self._try_parts(sampler, parts, error)
            self._rest()
        else:
            self._under_way.append(
                _Batch(sampler=sampler, parts=parts, finish=finish, started_at=started_at)
            )

    def _finish(self) -> None:
        """Wait for the oldest batch, and hand out its votes."""
        batch = self._under_way.popleft()
        try:
            votes = batch.finish()
        except Exception as error:  # noqa: BLE001 - each request gets its own error
            self._try_parts(batch.sampler, batch.parts, error)
        else:
            self._expect_back(batch)
            self._hand_out(batch.parts, votes)
        self._rest()

    def _expect_back(self, batch: _Batch) -> None:
        """Before the votes of a batch are handed out: who may come again, and until when."""
        now = monotonic()
        with self._changed:
            self._expected = sum(
                request.missing == draws.num_draws for request, draws in batch.parts
            )
            self._expected_until = now + WORTH_WAITING * (now - batch.started_at)

    def _rest(self) -> None:
        self._busy_since = monotonic() if self._under_way else None

    def _try_parts(
        self, sampler: BatchSampler, parts: list[tuple[Request, Draws]], error: Exception
    ) -> None:
        """Run each part of a failed batch by itself, so that only those to blame fail."""
        self._on_error(error)
        if len(parts) == 1:
            self._fail(parts[0][0], error)
            return
        logger.warning("batch failed, trying its parts", extra={"parts": len(parts)})
        for part in parts:
            try:
                votes = sampler.start([part[1]])()
            except Exception as own:  # noqa: BLE001 - as above
                self._on_error(own)
                self._fail(part[0], own)
            else:
                self._busy_since = monotonic()
                self._hand_out([part], votes)

    def _fail(self, request: Request, error: Exception) -> None:
        request.fail(error)
        with self._changed:
            for requests in self._waiting.values():
                if request in requests:
                    requests.remove(request)

    def _hand_out(self, parts: list[tuple[Request, Draws]], votes: list[Votes]) -> None:
        for (request, _), counted in zip(parts, votes, strict=True):
            if not request.future.done():
                request.receive(counted)
