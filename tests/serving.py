"""A web server in a thread, for tests that need real connections."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from app.http_protocol import HttpProtocol

STARTED_WITHIN_S = 20.0


@contextmanager
def serving(app: Any, *, http: type[HttpProtocol] = HttpProtocol) -> Iterator[int]:
    """The port on loopback at which an application is served meanwhile.

    Args:
        app: The application.
        http: Speaks HTTP.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            app, http=http, ws="none", log_config=None, loop="none", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=asyncio.run, args=[server.serve([listener])])
        thread.start()
        give_up_at = time.monotonic() + STARTED_WITHIN_S
        while not server.started:
            assert time.monotonic() < give_up_at, "the server did not start"
            time.sleep(0.005)
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join()
