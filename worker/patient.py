"""The store as a worker uses it: what was drawn is worth waiting for Redis to come back."""

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from jobs.command import Command
from jobs.errors import StoreUnavailable

T = TypeVar("T")
RETRY_S = 0.5


class Runner(Protocol):
    """Carries out a command on the store."""

    def run(self, command: Command[T]) -> T:
        """The command's result."""
        ...


class Patient:
    """A runner that outlasts a short absence of Redis.

    Args:
        runner: The store.
        patience_s: For how long to try while Redis is away.
    """

    def __init__(self, runner: Runner, *, patience_s: float) -> None:
        self._runner = runner
        self._patience_s = patience_s

    def run(self, command: Command[T]) -> T:
        """The command's result, at once or not at all.

        Raises:
            StoreUnavailable: Redis is away.
        """
        return self._runner.run(command)

    def persist(self, command: Callable[[], Command[T]]) -> T:
        """The result of a command that is made anew, with the time that it is, for each try.

        Raises:
            StoreUnavailable: Redis stayed away.
        """
        return self.until_back(lambda: self._runner.run(command()))

    def until_back(self, operation: Callable[[], T]) -> T:
        """The result of an operation on the store.

        Raises:
            StoreUnavailable: Redis stayed away.
        """
        give_up_at = time.monotonic() + self._patience_s
        while True:
            try:
                return operation()
            except StoreUnavailable:
                if time.monotonic() + RETRY_S > give_up_at:
                    raise
                time.sleep(RETRY_S)
