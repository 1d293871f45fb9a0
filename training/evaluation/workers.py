"""Work on several processes, its results in the order of the tasks."""

import signal
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

from training.errors import WorkerFailed

Task = TypeVar("Task")
Result = TypeVar("Result")

# One at work and one waiting, so that no worker waits for this process.
IN_HAND = 2
JOIN_S = 5.0
_NO_TASK = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Worker:
    process: BaseProcess
    connection: Connection


def in_order(
    tasks: Sequence[Task], make: Callable[[str], Callable[[Task], Result]], devices: Sequence[str]
) -> Generator[Result]:
    """The result of each task, in the order of the tasks, whoever is done first.

    One device works in this process. Otherwise each gets a process, which is ended when the
    generator is closed, when this process is interrupted, and when this process dies.

    Args:
        tasks: What to work on; sent to the processes.
        make: Gives the function that works on a device; importable, and sent as its name.
        devices: One for each worker.

    Raises:
        WorkerFailed: A process died; or a task raised, told after the results before it.
    """
    if len(devices) == 1:
        yield from map(make(devices[0]), tasks)
        return
    pool = _Pool(tasks, make, devices[: len(tasks)])
    try:
        yield from pool.results()
    finally:
        pool.close()


class _Pool(Generic[Task, Result]):
    def __init__(
        self,
        tasks: Sequence[Task],
        make: Callable[[str], Callable[[Task], Result]],
        devices: Sequence[str],
    ) -> None:
        self._tasks = tasks
        self._next = count()
        self._workers = [_start(make, device) for device in devices]

    def results(self) -> Generator[Result]:
        for worker in self._workers * IN_HAND:
            self._hand_out(worker)
        early: dict[int, tuple[Result, str | None]] = {}
        for index in range(len(self._tasks)):
            while index not in early:
                early.update(self._arrived())
            result, fault = early.pop(index)
            _check(fault)
            yield result

    def close(self) -> None:
        for worker in self._workers:
            worker.connection.close()
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join(JOIN_S)

    def _arrived(self) -> dict[int, tuple[Result, str | None]]:
        arrived: dict[int, tuple[Result, str | None]] = {}
        ready = wait([worker.connection for worker in self._workers])
        for worker in self._workers:
            if worker.connection in ready:
                number, result, fault = _receive(worker)
                arrived[number] = (result, fault)
                self._hand_out(worker)
        return arrived

    def _hand_out(self, worker: _Worker) -> None:
        number = next(self._next)
        if number < len(self._tasks):
            try:
                worker.connection.send((number, self._tasks[number]))
            except OSError:
                return  # it died: the next receive says why, or that there is no more


def _start(make: Callable[[str], Callable[[Any], Any]], device: str) -> _Worker:
    # Spawned: a forked copy of a process with torch's threads can hang.
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    ours.send((make, device))
    return _Worker(process=process, connection=ours)


def _check(fault: str | None) -> None:
    if fault:
        raise WorkerFailed(f"a worker failed: {fault}")


def _receive(worker: _Worker) -> tuple[int, Any, str | None]:
    try:
        number, result, fault = worker.connection.recv()
    except (EOFError, OSError) as error:
        worker.process.join(JOIN_S)
        raise WorkerFailed(
            f"a worker died with exit code {worker.process.exitcode} (-9 is often too little "
            "memory: try fewer --workers); the same command continues"
        ) from error
    if number == _NO_TASK:
        _check(fault)
    return number, result, fault


def _serve(connection: Connection) -> None:
    """The life of a worker: it ends when the other end of its pipe is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is the parent's to handle
    work, fault = _attempt(_receive_work, connection)
    with suppress(EOFError, OSError):
        if work is None:
            connection.send((_NO_TASK, None, fault))
            return
        while True:
            number, task = connection.recv()
            connection.send((number, *_attempt(work, task)))


def _receive_work(connection: Connection) -> Callable[[Any], Any]:
    # Received rather than given at the start, since loading what it needs can take seconds.
    make, device = connection.recv()
    return make(device)


def _attempt(function: Callable[[Any], Any], argument: object) -> tuple[Any, str | None]:
    try:
        return function(argument), None
    except Exception as error:  # noqa: BLE001 - the edge of a process: told to the parent
        return None, f"{type(error).__name__}: {error}"
