"""Connections to Redis, with limits that make its absence quick to notice."""

from urllib.parse import parse_qsl, urlencode, urlsplit

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError  # noqa: A004
from redis.retry import Retry

CONNECT_TIMEOUT_S = 0.5
SCHEMES = ("redis", "rediss", "unix", "redis+socket")


def supported_url(url: str) -> str:
    """The URL, if it leads to one server.

    Raises:
        ValueError: It does not. The message does not repeat it, since it may hold a password.
    """
    scheme = urlsplit(url).scheme
    if scheme in SCHEMES:
        return url
    known = ", ".join(f"{name}://" for name in SCHEMES)
    found = f"{scheme}://" if scheme.replace("+", "").isalnum() else "something else"
    raise ValueError(
        f"must begin with one of {known}, not with {found}; with Sentinel or a cluster, name one "
        "address that always leads to the primary (docs/operations.md)"
    )


def _backoff() -> ExponentialBackoff:
    return ExponentialBackoff(cap=0.1, base=0.05)


def _join(scheme: str, netloc: str, path: str, options: dict[str, str]) -> str:
    # The standard library's own drops the slashes of a scheme that it does not know.
    query = f"?{urlencode(options)}" if options else ""
    return f"{scheme}://{netloc}{path}{query}"


def redis_url(url: str) -> str:
    """The URL as redis-py spells it: Celery's `redis+socket://` becomes `unix://`."""
    scheme, netloc, path, query, _ = urlsplit(url)
    if scheme != "redis+socket":
        return url
    options = {"db" if key == "virtual_host" else key: value for key, value in parse_qsl(query)}
    return _join("unix", netloc, path, options)


def celery_url(url: str) -> str:
    """The URL as Celery spells it: redis-py's `unix://` becomes `redis+socket://`."""
    scheme, netloc, path, query, _ = urlsplit(url)
    options = dict(parse_qsl(query))
    if scheme == "rediss":
        # kombu refuses a TLS URL that does not say so; redis-py checks certificates by itself.
        options.setdefault("ssl_cert_reqs", "required")
    elif scheme == "unix":
        scheme = "redis+socket"
        options = {"virtual_host" if key == "db" else key: val for key, val in options.items()}
    else:
        return url
    return _join(scheme, netloc, path, options)


def make_redis(url: str, *, timeout_s: float = 1.0) -> redis.Redis:
    """A blocking client; connects on first use.

    Args:
        url: redis://, rediss://, unix:// or redis+socket://.
        timeout_s: Longest wait for an answer. A lost connection is tried once more; a timeout is
            not, so that "Redis is away" is known within a second.
    """
    return redis.Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
        redis_url(url),
        socket_timeout=timeout_s,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        retry=Retry(_backoff(), 1, supported_errors=(ConnectionError,)),
    )


def make_async_redis(url: str) -> redis.asyncio.Redis:
    """A client for the event loop; connects on first use. See `make_redis`.

    It waits for an answer until it is cancelled: its own limit makes a task of each command sent.
    """
    return redis.asyncio.Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
        redis_url(url),
        socket_timeout=None,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        retry=AsyncRetry(_backoff(), 1, supported_errors=(ConnectionError,)),
    )
