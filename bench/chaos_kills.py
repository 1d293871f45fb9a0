"""SIGKILL for the parts of a running stack, at random times."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PARTS: Mapping[str, str] = {"worker": "celery", "web": "uvicorn", "store": "valkey-server"}
"""What the command line of each has."""

ALL = "all at once"
ALL_SHARE = 0.05
LEAST_S = 0.5
IDLE_SHARE = 0.2
"""Of the kills, at whatever moment; the others wait for a job to be under way."""
LOOK_S = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """What was killed.

    Attributes:
        part: Which, a key of `PARTS` or `ALL`.
        under_way: Jobs that had been accepted and had not ended.
    """

    part: str
    under_way: int


class Killer:
    """Kills parts of a stack in a thread; the supervisor starts them again.

    Args:
        supervisor: Its process id.
        every_s: Between two kills in the mean; the times are those of a Poisson process, but that
            most kills wait, as long again at most, until they interrupt something.
        under_way: Tells how many jobs are.
        chance: Says when, and whom.
    """

    def __init__(
        self, supervisor: int, every_s: float, under_way: Callable[[], int], chance: random.Random
    ) -> None:
        self.kills: list[Kill] = []
        self._supervisor, self._every_s = supervisor, every_s
        self._under_way, self._chance = under_way, chance
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Killer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def kill(self, part: str) -> bool:
        """Kill one process of a part, or all of them; False if there is none."""
        words = PARTS.values() if part == ALL else [PARTS[part]]
        found = [pid for word in words for pid in pids(self._supervisor, word)]
        victims = found if part == ALL else self._chance.sample(found, k=min(1, len(found)))
        under_way = self._under_way()
        for pid in victims:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if victims:
            self.kills.append(Kill(part=part, under_way=under_way))
        return bool(victims)

    def _run(self) -> None:
        while not self._over.wait(max(LEAST_S, self._chance.expovariate(1 / self._every_s))):
            if self._chance.random() >= IDLE_SHARE:
                self._await_work()
            everything = self._chance.random() < ALL_SHARE
            self.kill(ALL if everything else self._chance.choice(list(PARTS)))

    def _await_work(self) -> None:
        until = time.monotonic() + self._every_s
        while not self._under_way() and time.monotonic() < until and not self._over.wait(LOOK_S):
            pass


def pids(ancestor: int, word: str) -> list[int]:
    """Descendants of a process whose command line has a word."""
    named: list[int] = []
    for pid in _descendants(ancestor):
        with suppress(OSError):
            if word in Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode():
                named.append(pid)
    return named


def _descendants(ancestor: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = int(stat.read_text().rsplit(")", 1)[1].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    found, queue = list[int](), [ancestor]
    while queue:
        born = children.get(queue.pop(), [])
        found += born
        queue += born
    return found
