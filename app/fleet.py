"""Who is working: the live workers of each model, and how fast they are."""

import logging
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from app.prompt_runner import PromptRunner
from app.recent import Recent
from jobs import store
from jobs.answers import Backlog
from jobs.record import WorkerInfo
from model_store.card import ModelCard
from model_store.errors import ModelStoreError
from model_store.registry import Registry

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """The workers of one model at one moment.

    Attributes:
        ready: How many hold the model and sample.
        starting: How many are loading.
        draws_per_s: Of the ready ones together; the card's where none is ready.
        draws_per_s_each: Of one of them, in the mean.
        problems: Why workers could not load the model.
        runtimes: What runs it, each once.
        warnings: Why some of that is not the runtime that was wanted, each once.
    """

    ready: int
    starting: int
    draws_per_s: float
    draws_per_s_each: float
    problems: tuple[str, ...]
    runtimes: tuple[str, ...]
    warnings: tuple[str, ...]


class Fleet:
    """The workers that are alive, as their heartbeats in Redis say.

    Args:
        runner: Where the heartbeats are.
        clock: Seconds, for how long an answer is used again.
    """

    def __init__(self, runner: PromptRunner, *, clock: Callable[[], float]) -> None:
        self._runner = runner
        self._workers = Recent[tuple[WorkerInfo, ...]](clock)
        self._crews: dict[str, tuple[ModelCard, tuple[WorkerInfo, ...], Crew]] = {}
        self._backlogs = Recent[Backlog](clock)

    async def workers(self) -> tuple[WorkerInfo, ...]:
        """The live workers, now.

        Raises:
            StoreUnavailable: Redis is away.
        """
        return await self._runner.run(store.workers())

    async def crew(self, card: ModelCard) -> Crew:
        """The workers of a model, as of at most a second ago.

        Raises:
            StoreUnavailable: Redis is away, and was already a second ago.
        """
        workers = await self._workers.get("", self.workers)
        known = self._crews.get(card.id)
        if known is None or known[0] is not card or known[1] is not workers:
            known = self._crews[card.id] = (card, workers, crew_of(card, workers))
        return known[2]

    async def backlog(self, card: ModelCard) -> Backlog:
        """The work that waits for a model, as of at most a second ago.

        Raises:
            StoreUnavailable: Redis is away, and was already a second ago.
        """
        return await self._backlogs.get(
            card.id, lambda: self._runner.run(store.backlog(card.id, now=time.time()))
        )


def crew_of(card: ModelCard, workers: Sequence[WorkerInfo]) -> Crew:
    """Those of `workers` that hold the card's very weights."""
    ready = [worker for worker in workers if worker.state == "ready"]
    held = [
        model
        for worker in ready
        for model in worker.models
        if model.id == card.id and model.weights_sha256 == card.weights.sha256
    ]
    speeds = [model.draws_per_s for model in held if model.draws_per_s]
    together = math.fsum(speeds) if speeds else card.draws_per_s
    return Crew(
        ready=len(speeds),
        starting=len(workers) - len(ready),
        draws_per_s=together,
        draws_per_s_each=together / max(len(speeds), 1),
        # A model that could not be loaded has no digest to compare.
        problems=tuple(
            model.problem
            for worker in ready
            for model in worker.models
            if model.id == card.id and model.problem
        ),
        runtimes=_each_once(model.runtime for model in held),
        warnings=_each_once(model.warning for model in held),
    )


def _each_once(texts: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted({text for text in texts if text}))


def readable_cards(registry: Registry) -> list[ModelCard]:
    """All cards of a store but those that break the schema, which the log names."""
    cards: list[ModelCard] = []
    for model in registry.ids():
        try:
            cards.append(registry.get(model))
        except ModelStoreError as error:
            logger.warning("card left out", extra={"model": model, "reason": str(error)})
    return cards
