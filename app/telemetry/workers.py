"""What workers count of themselves and send with their heartbeats."""

from collections.abc import Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from jobs.figures import Heard

_COUNTERS = {
    "batches": ("dmae_worker_batches", "Batches that went through the network."),
    "rows": ("dmae_worker_batch_rows", "Draws in these batches."),
    "room": ("dmae_worker_batch_room", "Draws that would have fitted into these batches."),
    "failures": ("dmae_worker_batch_failures", "Batches that raised an error."),
    "forward_s": (
        "dmae_worker_forward_seconds",
        "Time in which at least one batch was under way on the device.",
    ),
    "ready_s": ("dmae_worker_ready_seconds", "Time since the worker's models were loaded."),
}
_RATIOS = {
    ("rows", "room"): ("dmae_batch_fill_ratio", "Rows over room, since the worker's start."),
    ("forward_s", "ready_s"): (
        "dmae_worker_forward_ratio",
        "Share of the worker's time in the forward pass, since its models were loaded.",
    ),
}


def worker_metrics(workers: Sequence[Heard]) -> Iterator[Metric]:
    """Families by worker, and how many there are by state.

    A worker's name is new with each of its processes, so its counters start at nothing and end.
    """
    count = GaugeMetricFamily("dmae_workers", "Live workers.", labels=("state",))
    for state in ("starting", "ready"):
        count.add_metric((state,), sum(heard.worker.state == state for heard in workers))
    age = GaugeMetricFamily(
        "dmae_worker_heartbeat_age_seconds",
        "Time since a worker was last heard of; it counts as dead after six seconds.",
        labels=("worker",),
    )
    speed = GaugeMetricFamily(
        "dmae_worker_measured_draws_per_second",
        "Speed of a worker, measured when it started and then of its latest full batches.",
        labels=("worker", "model"),
    )
    for heard in workers:
        name = heard.worker.instance
        age.add_metric((name,), heard.age_s)
        for model in heard.worker.models:
            speed.add_metric((name, model.id), model.draws_per_s or 0.0)
    yield from (count, age, speed)
    yield from _counters(workers)
    yield from _ratios(workers)


def _counters(workers: Sequence[Heard]) -> Iterator[Metric]:
    for key, (name, about) in _COUNTERS.items():
        family = CounterMetricFamily(name, about, labels=("worker",))
        for heard in workers:
            family.add_metric((heard.worker.instance,), heard.worker.counters.get(key, 0.0))
        yield family


def _ratios(workers: Sequence[Heard]) -> Iterator[Metric]:
    for (above, below), (name, about) in _RATIOS.items():
        family = GaugeMetricFamily(name, about, labels=("worker",))
        for heard in workers:
            counters = heard.worker.counters
            if counters.get(below):
                ratio = counters.get(above, 0.0) / counters[below]
                family.add_metric((heard.worker.instance,), min(ratio, 1.0))
        yield family
