"""The end of a web process: it says that it leaves, finishes what it began, and only then closes.

Signals are sent to processes, so this is the state of the process, not of one application.
"""

import asyncio
import logging
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

from app.telemetry.metrics import observe_draining

logger = logging.getLogger(__name__)

_asked = threading.Event()
asked = _asked.is_set
"""Whether the process was asked to stop: it is not ready any more, and who waits is sent home."""


def begin() -> None:
    """Let the process be not ready from now on, and long polls and event streams end."""
    _asked.set()
    observe_draining(asked=True)
    logger.info("draining")


@contextmanager
def draining_on_signals(seconds: float) -> Generator[None]:
    """Have the server hear of SIGTERM and SIGINT later: meanwhile readiness fails and it serves on.

    So whoever distributes requests has looked away before the socket closes. A second signal goes
    through at once. Use it in the main thread, where the server has set its own handlers, within
    the event loop; elsewhere it does nothing.

    Args:
        seconds: Between a signal and the end of accepting connections.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    servers_own = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def on_signal(number: int, frame: FrameType | None) -> None:
        handler = servers_own[signal.Signals(number)]
        if not callable(handler):
            return
        if asked():
            handler(number, frame)
            return
        begin()
        loop.call_soon_threadsafe(loop.call_later, seconds, handler, number, None)

    # Those of Python itself end the process, and know no server that could be told later.
    for number, handler in servers_own.items():
        if callable(handler) and handler is not signal.default_int_handler:
            signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number, handler in servers_own.items():
            signal.signal(number, handler)
        _asked.clear()
        observe_draining(asked=False)
