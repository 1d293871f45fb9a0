"""What is going on in the store, all read at one moment, for whoever watches the service."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.codec import load_worker
from jobs.command import Command, script
from jobs.ledger import HEARTBEAT_S
from jobs.record import WorkerInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Live jobs of one model that are in the same state and of the same priority.

    Attributes:
        model: Whose jobs.
        state: "queued" or "running".
        priority: "interactive", "normal" or "batch".
        jobs: How many.
        draws: How many they still need, together.
        oldest: When the first of them was submitted, seconds since 1970.
    """

    model: str
    state: str
    priority: str
    jobs: int
    draws: int
    oldest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A live worker, and how many seconds ago it was last heard of."""

    worker: WorkerInfo
    age_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The state of the service at one moment.

    Attributes:
        counters: What was counted since the store began, by name: "jobs|<state>",
            "verdicts|<verdict>", "draws|<model>", "chunks|claimed", "chunks|reclaimed",
            "chunks|duplicate", "deliveries|<state>", and of jobs that succeeded
            "seconds|<at most>" and "seconds_sum".
        lines: The live jobs.
        workers: Those that live.
        memory_bytes: What the server's data takes.
        memory_limit_bytes: What they may take; 0 for no limit.
        deliveries_due: Messages about jobs that are still to be sent.
    """

    counters: Mapping[str, float]
    lines: Sequence[Line]
    workers: Sequence[Heard]
    memory_bytes: int
    memory_limit_bytes: int
    deliveries_due: int


def figures(models: Sequence[str]) -> Command[Figures]:
    """All figures, in one round trip.

    Args:
        models: Whose jobs to look at.
    """
    return Command(call=script("figures"), args=(HEARTBEAT_S, *models), parse=_figures)


def _figures(answer: Any) -> Figures:
    counters, workers, memory, models, deliveries_due = answer
    return Figures(
        counters={
            name.decode(): float(number)
            for name, number in zip(counters[::2], counters[1::2], strict=True)
        },
        lines=[
            Line(
                model=model.decode(),
                state=state.decode(),
                priority=priority.decode(),
                jobs=int(jobs),
                draws=int(draws),
                oldest=float(oldest),
            )
            for model, rows in models
            for state, priority, jobs, draws, oldest in rows
        ],
        workers=[
            Heard(worker=worker, age_s=max(milliseconds, 0) / 1000)
            for text, milliseconds in workers
            if (worker := load_worker(text)) is not None
        ],
        memory_bytes=int(memory[0]),
        memory_limit_bytes=int(memory[1]),
        deliveries_due=int(deliveries_due),
    )
