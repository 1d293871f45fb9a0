"""The figures of the store and of this process, in the words of Prometheus."""

import math
import platform
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from app.telemetry.metrics import REGISTRY
from app.telemetry.workers import worker_metrics
from jobs.figures import Figures
from jobs.record import JobState

DURATION_BUCKETS_S = (
    *(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 14400),
    math.inf,
)
"""As `jobs/lua/ends.lua` counts them."""

PRIORITIES = ("interactive", "normal", "batch")
VERDICTS = ("certified", "not_certified", "predicted", "abstained")
_ATTEMPTS = {"delivered": "delivered", "pending": "retried", "failed": "given_up"}
_CHUNKS = {
    "claimed": ("dmae_leases_claimed", "Chunks that a worker took on."),
    "reclaimed": (
        "dmae_leases_reclaimed",
        "Chunks that a worker took on after another had died or held them too long.",
    ),
    "duplicate": (
        "dmae_duplicate_commits_refused",
        "Votes that came for a chunk which had its votes, and did not count.",
    ),
}


class Exposition(Collector):
    """All that one scrape shows.

    Args:
        version: Of the service.
        models: Whose queues to show, even empty ones.
        figures: From the store; None while it is away.
        now: Seconds since 1970.
    """

    def __init__(
        self, *, version: str, models: Iterable[str], figures: Figures | None, now: float
    ) -> None:
        self._version = version
        self._models = tuple(models)
        self._figures = figures
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """Every family of metrics, once."""
        yield from REGISTRY.collect()
        build = {"version": self._version, "python": platform.python_version()}
        yield InfoMetricFamily("dmae_build", "What is running.", build)
        up = GaugeMetricFamily("dmae_store_up", "Whether Redis answered this scrape.")
        up.add_metric((), float(self._figures is not None))
        yield up
        if self._figures is not None:
            yield from _store_metrics(self._figures)
            yield from _queue_metrics(self._figures, self._models, self._now)
            yield from _count_metrics(self._figures.counters, self._models)
            yield _durations(self._figures.counters)
            yield from _delivery_metrics(self._figures)
            yield from worker_metrics(self._figures.workers)


def _store_metrics(figures: Figures) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "dmae_store_memory_bytes", "What Redis' data takes.", figures.memory_bytes
    )
    yield GaugeMetricFamily(
        "dmae_store_memory_limit_bytes",
        "What Redis' data may take; 0 for no limit. From nine tenths of it on jobs are refused.",
        figures.memory_limit_bytes,
    )


def _queue_metrics(figures: Figures, models: Iterable[str], now: float) -> Iterator[Metric]:
    draws = GaugeMetricFamily(
        "dmae_queue_draws",
        "Draws that live jobs still need.",
        labels=("model", "priority"),
    )
    jobs = GaugeMetricFamily("dmae_jobs", "Live jobs.", labels=("model", "priority", "state"))
    oldest = GaugeMetricFamily(
        "dmae_queue_oldest_wait_seconds",
        "How long the oldest job that no worker has started has waited.",
        labels=("model",),
    )
    for model in models:
        lines = [line for line in figures.lines if line.model == model]
        for priority in PRIORITIES:
            alike = [line for line in lines if line.priority == priority]
            draws.add_metric((model, priority), sum(line.draws for line in alike))
            for state in (JobState.QUEUED, JobState.RUNNING):
                count = sum(line.jobs for line in alike if line.state == state)
                jobs.add_metric((model, priority, state.value), count)
        waits = [now - line.oldest for line in lines if line.state == JobState.QUEUED]
        oldest.add_metric((model,), max([0.0, *waits]))
    yield from (draws, jobs, oldest)


def _count_metrics(counters: Mapping[str, float], models: Iterable[str]) -> Iterator[Metric]:
    ended = CounterMetricFamily("dmae_jobs_ended", "Jobs that ended, by how.", labels=("state",))
    for state in (state for state in JobState if state.terminal):
        ended.add_metric((state.value,), counters.get(f"jobs|{state.value}", 0))
    yield ended
    verdicts = CounterMetricFamily(
        "dmae_verdicts", "What jobs that succeeded came to.", labels=("verdict",)
    )
    for verdict in VERDICTS:
        verdicts.add_metric((verdict,), counters.get(f"verdicts|{verdict}", 0))
    yield verdicts
    drawn = CounterMetricFamily(
        "dmae_draws", "Draws whose votes were committed.", labels=("model",)
    )
    for model in models:
        drawn.add_metric((model,), counters.get(f"draws|{model}", 0))
    yield drawn
    for what, (name, about) in _CHUNKS.items():
        yield CounterMetricFamily(name, about, counters.get(f"chunks|{what}", 0))


def _delivery_metrics(figures: Figures) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "dmae_webhook_messages_due",
        "Messages about jobs that are still to be sent, or sent again.",
        figures.deliveries_due,
    )
    attempts = CounterMetricFamily(
        "dmae_webhook_attempts",
        "Attempts to send a message: it was taken, was not and is tried again, or is given up.",
        labels=("outcome",),
    )
    for state, outcome in _ATTEMPTS.items():
        attempts.add_metric((outcome,), figures.counters.get(f"deliveries|{state}", 0))
    yield attempts


def _durations(counters: Mapping[str, float]) -> Metric:
    total, buckets = 0.0, list[tuple[str, float]]()
    for bound in DURATION_BUCKETS_S:
        name = "+Inf" if math.isinf(bound) else f"{bound:g}"
        total += counters.get(f"seconds|{name}", 0)
        buckets.append((name, total))
    return HistogramMetricFamily(
        "dmae_job_duration_seconds",
        "Time from a job's submission to its certificate; of cached ones it is not counted.",
        buckets=buckets,
        sum_value=counters.get("seconds_sum", 0.0),
    )
