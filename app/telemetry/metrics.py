"""What this process counts by itself; what all processes share is read from Redis at a scrape."""

from collections.abc import Iterable
from functools import cache

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

HTTP_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
STORE_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

# When a counter began is of no use to anyone here, and doubles the length of a scrape.
disable_created_metrics()
REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

_REQUESTS = Histogram(
    "dmae_http_request_duration_seconds",
    "Time from a request to the end of its answer; long polls and event streams wait on purpose.",
    ("method", "route", "status"),
    buckets=HTTP_BUCKETS_S,
    registry=REGISTRY,
)
_REFUSED = Counter(
    "dmae_rejects",
    "Requests that were answered with a problem, by its kind.",
    ("reason",),
    registry=REGISTRY,
)
_STORE = Histogram(
    "dmae_store_duration_seconds",
    "Time that Redis took to answer this process, or until it was given up.",
    buckets=STORE_BUCKETS_S,
    registry=REGISTRY,
)
_DRAINING = Gauge(
    "dmae_draining",
    "Whether this process was asked to stop and finishes its work.",
    registry=REGISTRY,
)

_request_times = cache(_REQUESTS.labels)


def observe_request(method: str, route: str | None, status: int | None, seconds: float) -> None:
    """Counts one request.

    Args:
        method: As sent; unusual ones are counted together, since a client may invent them.
        route: Template of the path, such as "/jobs/{job_id}"; None where no route matched.
        status: As answered; None where the client left before.
        seconds: From the request to the end of its answer.
    """
    labels = (method if method in METHODS else "other", route or "none", str(status or 499))
    _request_times(*labels).observe(seconds)


def expect_rejects(kinds: Iterable[str]) -> None:
    """Begins each count at nothing: in one that begins with its first, nobody sees an increase.

    Args:
        kinds: Of problems.
    """
    for kind in kinds:
        _REFUSED.labels(kind)


def observe_reject(kind: str) -> None:
    """Counts one answer that is a problem of this kind."""
    _REFUSED.labels(kind).inc()


def observe_store(seconds: float) -> None:
    """Counts one round trip to Redis, which lasted until it answered or was given up."""
    _STORE.observe(seconds)


def observe_draining(*, asked: bool) -> None:
    """Notes whether this process was asked to stop."""
    _DRAINING.set(float(asked))
