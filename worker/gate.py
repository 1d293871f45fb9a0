"""A gate through which many pass together, or one alone."""

from collections.abc import Generator
from contextlib import contextmanager
from threading import Condition


class Gate:
    """Lets tasks in together, and a suspect one only by itself.

    Who wants to be alone goes first: newcomers wait until it was inside and left.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._inside = 0
        self._waiting_alone = 0

    @contextmanager
    def together(self) -> Generator[None]:
        """Inside with others, but with nobody who must be alone."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting_alone == 0)
            self._inside += 1
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def alone(self) -> Generator[None]:
        """Inside with nobody else."""
        with self._changed:
            self._waiting_alone += 1
            self._changed.wait_for(lambda: self._inside == 0)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._waiting_alone -= 1
            self._leave()

    def _leave(self) -> None:
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()
