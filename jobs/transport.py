"""Celery's Redis transport, with one defect mended.

kombu 5.7.0 leaves a channel half closed when its connection is lost while a blocking pop is out
and another socket notices first: `close` reads the pop's answer, fails there, and is not called
again until the transport behind the channel is gone. With a message unacknowledged the worker then
ends its consumer with "'NoneType' object has no attribute 'hostname'", instead of reconnecting.
"""

from kombu.transport import TRANSPORT_ALIASES, redis
from redis.exceptions import (
    ConnectionError,  # noqa: A004
    TimeoutError,  # noqa: A004
)

ALIASES = ("redis", "rediss")


class Channel(redis.Channel):
    """A channel that is closed after `close`, whatever its sockets say."""

    def close(self) -> None:
        """Close; the pop that is out may fail, and then counts as answered."""
        try:
            super().close()
        except (ConnectionError, TimeoutError, OSError):
            # The failure has ended the pop, so now nothing is in the way.
            super().close()


class Transport(redis.Transport):
    """The Redis transport with such channels."""

    Channel = Channel


def register() -> None:
    """Have kombu use this transport for Redis URLs, of every scheme, from now on."""
    for alias in ALIASES:
        TRANSPORT_ALIASES[alias] = f"{__name__}:{Transport.__name__}"
