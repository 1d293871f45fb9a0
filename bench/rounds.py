"""Interleaved rounds, so that what else the machine does hits all contenders alike."""

import time
from collections.abc import Callable, Mapping


def interleaved(
    contenders: Mapping[str, Callable[[], float]],
    *,
    rounds: int,
    seconds: float,
    warm_up: bool = True,
) -> dict[str, tuple[float, ...]]:
    """What each contender gives in each round; every other round goes backwards.

    Args:
        contenders: Measure something once, by name.
        rounds: At most.
        seconds: No round begins that would end after this; but one is made in any case.
        warm_up: Whether to begin with a round that does not count.
    """
    begun = time.perf_counter()
    values: dict[str, list[float]] = {name: [] for name in contenders}
    if warm_up:
        for measure in contenders.values():
            measure()
    longest = 0.0
    for number in range(rounds):
        started = time.perf_counter()
        if number and started + longest > begun + seconds:
            break
        order = list(contenders) if number % 2 == 0 else list(contenders)[::-1]
        for name in order:
            values[name].append(contenders[name]())
        longest = max(longest, time.perf_counter() - started)
    return {name: tuple(measured) for name, measured in values.items()}


def seconds_of(work: Callable[[], object]) -> float:
    """How long work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def rate(count: int, work: Callable[[], object]) -> float:
    """How many a second, of work that does so many."""
    return count / seconds_of(work)
