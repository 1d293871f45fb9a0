"""The log of the web process: what every process logs, and what uvicorn has to say."""

import logging

from jobs import logs


def configure_logging(level: str) -> None:
    """Sends every logger of the process through one handler, uvicorn's own too."""
    logs.configure_logging(level)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    # Requests are logged at the edge, with their id and without their query.
    logging.getLogger("uvicorn.access").handlers = []
    logging.getLogger("uvicorn.access").propagate = False
    # The addresses of webhooks may hold secrets of those who receive them.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
