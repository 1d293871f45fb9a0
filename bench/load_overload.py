"""More than the service can do: what it refuses, how fast, and what becomes of what it took.

A worker draws with a tiny model. First its capacity is measured, jobs a second; then, in a web
process whose limits of the backlog are low, half of it is offered, and then twice of it, at even
intervals, whether or not answers come. Every fourth request has a key whose quota is a few live
jobs and is refused for it (429); the others meet the limit of all (503). At last 32 connections ask
as fast as they can.

Jobs are kept when they have ended, so the store grows by what it accepts, and must not by what it
refuses: its growth a job accepted is held against that of the calm before.
"""

import statistics
import threading
import time
from argparse import Namespace
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count, cycle
from pathlib import Path
from tempfile import TemporaryDirectory

from app.client import Client
from bench.load_client import Answer, Run, offer
from bench.load_figures import milliseconds, refuses, statuses
from bench.load_parts import Site, Started, site
from bench.load_requests import picture, upload
from bench.load_speed import OUT_OF_REACH
from bench.part import Measured
from bench.random_model import make_store
from bench.report import Target, explanation, table
from jobs.caller import Quota

JOBS_PER_S = 25
"""About so many are to end a second: few enough that the web process has time."""

N0, TRIAL_N, TRIAL_JOBS = 100, 1_000, 60
BACKLOG_S = 2.0
LIVE_JOBS = 5
LONGEST_MS, MOST_GROWTH = 20.0, 1.1
LOOK_S = 0.25
LONGEST_END_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What two processes held, looked at again and again.

    Attributes:
        web: Bytes, of the web process.
        store: Bytes, of Valkey.
    """

    web: list[int] = field(default_factory=list[int])
    store: list[int] = field(default_factory=list[int])


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """So many requests at a rate.

    Attributes:
        run: The answers.
        memory: Meanwhile.
        grown: Bytes of data by which the store has grown.
    """

    run: Run
    memory: Memory
    grown: int

    @property
    def accepted(self) -> Sequence[Answer]:
        """Those that became jobs."""
        return [answer for answer in self.run.answers if answer.status in {200, 202}]

    @property
    def refused(self) -> Sequence[Answer]:
        """All others."""
        return [answer for answer in self.run.answers if answer.status not in {200, 202}]

    @property
    def grown_a_job(self) -> float:
        """Bytes of the store for each job that was accepted."""
        return self.grown / max(len(self.accepted), 1)


class Offering:
    """What is asked of the web process with low limits.

    Args:
        here: Where it runs.
        keys: Whose requests they are, in turn.
        n: Draws of a job.
    """

    def __init__(self, here: Site, keys: Sequence[str], n: int) -> None:
        self._here, self._keys, self._n = here, cycle(keys), n
        self._seeds = count(1)

    def phase(self, web: Started, number: int, rate: float | None) -> Phase:
        """Offer so many new questions."""
        fields = {"sigma": "0.25", "mode": "fixed", "n": str(self._n), "n0": str(N0)}
        requests = [
            upload("/certify", picture(next(self._seeds)), fields, key=next(self._keys))
            for _ in range(number)
        ]
        before = self._bytes()
        with _watched(web, self._here.valkey) as memory:
            run = offer(web.port, requests, rate=rate)
        return Phase(run=run, memory=memory, grown=self._bytes() - before)

    def _bytes(self) -> int:
        # Of the replies' buffers, and of the file that is being rewritten, little is data.
        return int(self._here.redis.memory_stats()["dataset.bytes"])


def measure(options: Namespace) -> Measured:
    """Offer half the capacity, twice the capacity, and as much as can be sent."""
    with ExitStack() as stack:
        root = Path(stack.enter_context(TemporaryDirectory(prefix="dmae-load-")))
        make_store(root)
        here, models = stack.enter_context(site()), {"MODEL_STORE_DIR": str(root)}
        here.worker(**models)
        draws_per_s = _capacity(here.web(**models, **OUT_OF_REACH), here.api_key())
        n = max(round(draws_per_s / JOBS_PER_S) - N0, N0)
        capacity = draws_per_s / (n + N0)
        limit = str(round(BACKLOG_S * draws_per_s))
        web = here.web(**models, **{**OUT_OF_REACH, "APP_BACKLOG_LIMIT_DRAWS": limit})
        few = here.api_key(Quota(live_jobs=LIVE_JOBS, requests_per_minute=10**7))
        keys = [here.api_key(), few]
        offering, seconds = Offering(here, [*3 * keys[:1], few], n), options.overload_s
        calm = offering.phase(web, max(round(seconds / 3 * capacity / 2), 2), capacity / 2)
        unfinished = _finish(web, keys, calm.accepted)
        over = offering.phase(web, max(round(seconds * capacity * 2), 2), capacity * 2)
        flood = offering.phase(web, max(round(seconds * 40), 2), None)
        unfinished += _finish(web, keys, [*over.accepted, *flood.accepted])
    named = {"half the capacity": calm, "twice the capacity": over, "all that 32 can ask": flood}
    words = f"{capacity:.0f} jobs of {n + N0:,} draws a second"
    return _text(named, words), _targets(calm, over, flood, unfinished)


def _capacity(web: Started, key: str) -> float:
    """Draws a second that the worker makes of many jobs."""
    fields = {"sigma": "0.25", "mode": "fixed", "n": str(TRIAL_N), "n0": str(N0)}
    seconds = 0.0
    for first in (-1, -1 - TRIAL_JOBS):  # the first time is a warm-up
        began = time.perf_counter()
        pictures = [picture(2**31 + first - at) for at in range(TRIAL_JOBS)]
        asked = [upload("/certify", each, fields, key=key) for each in pictures]
        answers = offer(web.port, asked).answers
        if left := _finish(web, [key], answers):
            raise RuntimeError(f"{left} jobs of {TRIAL_JOBS} did not end: {statuses(answers)}")
        seconds = time.perf_counter() - began
    return TRIAL_JOBS * (TRIAL_N + N0) / seconds


def _finish(web: Started, keys: Sequence[str], accepted: Sequence[Answer]) -> int:
    """How many of the jobs have not succeeded when there was time enough."""
    give_up_at = time.monotonic() + LONGEST_END_S
    with ExitStack() as stack:
        url = f"http://127.0.0.1:{web.port}"
        clients = [stack.enter_context(Client(url, api_key=key)) for key in keys]
        while time.monotonic() < give_up_at:
            live = any(_live(client) for client in clients)
            if not live:
                break
            time.sleep(LOOK_S)
        ended = {job.id for client in clients for job in client.jobs(state="succeeded")}
    return sum((each.location or "").rpartition("/")[2] not in ended for each in accepted)


def _live(client: Client) -> bool:
    return any(next(client.jobs(state=state), None) for state in ("queued", "running"))


@contextmanager
def _watched(web: Started, store: Started) -> Generator[Memory]:
    memory, over = Memory(), threading.Event()

    def look() -> None:
        while not over.wait(LOOK_S):
            memory.web.append(web.memory())
            memory.store.append(store.memory())

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield memory
    finally:
        over.set()
        watcher.join()


def growth(held: Sequence[int]) -> float:
    """The last fifth of the time over the second, the first being a warm-up."""
    fifth = max(len(held) // 5, 1)
    return statistics.median(held[-fifth:]) / statistics.median(held[fifth : 2 * fifth] or held)


def _targets(calm: Phase, over: Phase, flood: Phase, unfinished: int) -> list[Target]:
    accepted = len(calm.accepted) + len(over.accepted) + len(flood.accepted)
    return [
        *_refusals(over.refused, [*over.refused, *flood.refused]),
        Target(
            what="accepted jobs that have not succeeded",
            wanted="none",
            measured=f"{unfinished} of {accepted:,}",
            met=not unfinished,
        ),
        _memory("memory of the web process under overload, end over beginning", over.memory.web),
        Target(
            what="growth of the store a job accepted, at twice the capacity over half of it",
            wanted=f"at most {MOST_GROWTH:g}",
            measured=f"{over.grown_a_job / calm.grown_a_job:.2f}",
            met=over.grown_a_job <= MOST_GROWTH * calm.grown_a_job,
        ),
    ]


def _refusals(refused: Sequence[Answer], everywhere: Sequence[Answer]) -> Iterator[Target]:
    wrong = sum(not refuses(answer) for answer in everywhere)
    yield Target(
        what="refusals other than 429 or 503 with Retry-After",
        wanted="none",
        measured=f"{wrong} of {len(everywhere):,}",
        met=not wrong,
    )
    middle = milliseconds(refused, 50) if refused else None
    yield Target(
        what="median time of a refusal at twice the capacity, ms",
        wanted=f"below {LONGEST_MS:g}",
        measured="nothing was refused" if middle is None else f"{middle:.1f}",
        met=None if middle is None else middle < LONGEST_MS,
    )


def _memory(what: str, held: Sequence[int]) -> Target:
    measured = growth(held) if held else None
    return Target(
        what=what,
        wanted=f"at most {MOST_GROWTH:g}",
        measured="too short" if measured is None else f"{measured:.2f}",
        met=None if measured is None else measured <= MOST_GROWTH,
    )


def _text(phases: dict[str, Phase], words: str) -> str:
    rows = [
        (
            name,
            f"{phase.run.rate:.0f}",
            statuses(phase.run.answers),
            *_times(phase.accepted),
            *_times(phase.refused),
            *(_mebibytes(each) for each in (phase.memory.web, phase.memory.store)),
            f"{phase.grown_a_job / 1024:.1f}",
        )
        for name, phase in phases.items()
    ]
    header = ("offered", "requests/s", "answers", "accepted: median ms", "99 % within ms")
    header += ("refused: median ms", "99 % within ms", "web MiB", "Valkey MiB", "KiB a job")
    return f"""{explanation(__doc__)}

Capacity: {words}; a backlog of {BACKLOG_S:g} s is taken on. Memory is resident, from the beginning
to the end of a phase; `KiB a job` is what the data in the store grew by, for each job accepted.

{table(header, rows)}"""


def _times(answers: Sequence[Answer]) -> tuple[str, str]:
    if not answers:
        return "", ""
    return f"{milliseconds(answers, 50):.1f}", f"{milliseconds(answers, 99):.1f}"


def _mebibytes(held: Sequence[int]) -> str:
    return f"{held[0] / 2**20:.0f} to {held[-1] / 2**20:.0f}" if held else ""
