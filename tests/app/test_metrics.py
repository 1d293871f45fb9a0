"""/metrics: what it shows, to whom, and what it never shows."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from app.problem_kinds import KINDS
from jobs.connection import make_redis

pytestmark = [pytest.mark.redis, pytest.mark.anyio]
MODEL = "tiny.colours"


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample of a scrape, by name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in plain(text)
        for sample in family.samples
    }


async def scrape(service: Any) -> Callable[..., float]:
    answer = await service.http.get("/metrics")
    assert answer.status_code == 200, answer.text
    found = samples(answer.text)
    return lambda name, **labels: found[name, tuple(sorted(labels.items()))]


async def test_what_is_queued_is_shown_by_model_and_priority(service: Any, picture: Any) -> None:
    await service.certify(picture(1), n=1000, n0=100)
    await service.certify(picture(2), n=500, n0=100, priority="batch")

    value = await scrape(service)

    assert value("dmae_queue_draws", model=MODEL, priority="normal") == 1100
    assert value("dmae_queue_draws", model=MODEL, priority="batch") == 600
    assert value("dmae_queue_draws", model=MODEL, priority="interactive") == 0
    assert value("dmae_jobs", model=MODEL, priority="batch", state="queued") == 1
    assert 0 <= value("dmae_queue_oldest_wait_seconds", model=MODEL) < 60
    assert value("dmae_webhook_messages_due") == 0
    assert value("dmae_webhook_attempts_total", outcome="delivered") == 0
    assert value("dmae_store_up") == 1
    assert value("dmae_store_memory_bytes") > 0


async def test_every_kind_of_problem_is_counted_from_nothing(service: Any) -> None:
    """An alert on the increase of what appears with its first sees nothing of that."""
    value = await scrape(service)

    assert all(value("dmae_rejects_total", reason=kind) >= 0 for kind in KINDS)


async def test_what_was_done_is_counted_wherever_it_was_done(
    service: Any, worker: Any, picture: Any
) -> None:
    answer = await service.certify(picture(1), n=1000, n0=100)
    worker.work()
    await service.certify(picture(2), n=500, n0=100)
    worker.admit()
    failed = (await service.certify(picture(3), n=500, n0=100)).json()["id"]
    worker.fail(failed)

    value = await scrape(service)

    assert answer.status_code == 202
    assert value("dmae_jobs_ended_total", state="succeeded") == 1
    assert value("dmae_jobs_ended_total", state="failed") == 1
    assert value("dmae_jobs_ended_total", state="cancelled") == 0
    assert value("dmae_verdicts_total", verdict="certified") == 1
    assert value("dmae_verdicts_total", verdict="abstained") == 0
    assert value("dmae_draws_total", model=MODEL) == 1100
    assert value("dmae_job_duration_seconds_count") == 1
    assert value("dmae_job_duration_seconds_bucket", le="+Inf") == 1
    assert value("dmae_leases_claimed_total") > 0
    assert value("dmae_leases_reclaimed_total") == 0
    assert value("dmae_duplicate_commits_refused_total") == 0
    assert value("dmae_queue_oldest_wait_seconds", model=MODEL) == 0


async def test_workers_are_shown_with_what_they_count(service: Any, worker: Any) -> None:
    counts = {"rows": 6.0, "room": 8.0, "forward_s": 3.0, "ready_s": 4.0, "batches": 2.0}
    worker.beat(counters=counts)

    value = await scrape(service)

    assert value("dmae_workers", state="ready") == 1
    assert value("dmae_workers", state="starting") == 0
    assert value("dmae_worker_heartbeat_age_seconds", worker="one") < 5
    assert value("dmae_worker_batches_total", worker="one") == 2
    assert value("dmae_batch_fill_ratio", worker="one") == 0.75
    assert value("dmae_worker_forward_ratio", worker="one") == 0.75
    assert value("dmae_worker_measured_draws_per_second", worker="one", model=MODEL) == 400


async def test_requests_are_timed_by_the_template_of_their_route(service: Any) -> None:
    def seen(status: int, route: str, method: str = "GET") -> tuple[str, dict[str, str]]:
        name = "dmae_http_request_duration_seconds_count"
        return name, {"method": method, "route": route, "status": str(status)}

    await service.http.get("/jobs/01900000-0000-7000-8000-000000000000")
    await service.http.get("/no/such/path")
    await service.http.request("BREW", "/readyz")

    value = await scrape(service)

    for name, labels in (
        seen(404, "/jobs/{job_id}"),
        seen(404, "none"),
        seen(405, "/readyz", "other"),
    ):
        assert value(name, **labels) >= 1
    assert value("dmae_rejects_total", reason="job-not-found") >= 1
    assert value("dmae_store_duration_seconds_count") >= 1


async def test_who_asks_for_openmetrics_gets_it(service: Any) -> None:
    answer = await service.http.get(
        "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}
    )

    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    names = {family.name for family in openmetrics(answer.text)}
    assert {"dmae_jobs_ended", "dmae_build", "dmae_job_duration_seconds"} <= names


async def test_who_asks_for_a_version_that_is_none_gets_text(service: Any) -> None:
    answer = await service.http.get(
        "/metrics", headers={"Accept": "application/openmetrics-text; version=latest"}
    )

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")


async def test_no_label_names_a_job_a_tenant_or_a_key(service: Any, picture: Any) -> None:
    job_id = (await service.certify(picture(1), n=1000, n0=100)).json()["id"]
    await service.http.get(f"/jobs/{job_id}")

    text = (await service.http.get("/metrics")).text

    labels = set(re.findall(r"[{,](\w+)=", text))
    assert job_id not in text
    assert labels <= {
        *("method", "route", "status", "reason", "le", "model", "priority", "state", "verdict"),
        "outcome",
        *("worker", "version", "python", "generation", "implementation", "major", "minor"),
        "patchlevel",
    }


async def test_without_redis_the_process_still_tells_of_itself(serve: Any) -> None:
    service = await serve(redis_url="redis://127.0.0.1:1/0", metrics_open=True)

    value = await scrape(service)

    assert value("dmae_store_up") == 0
    with pytest.raises(KeyError):
        value("dmae_jobs_ended_total", state="succeeded")


async def test_figures_need_the_scope_of_an_administrator(serve: Any, problem: Any) -> None:
    closed = await serve(keys="required")

    problem(await closed.http.get("/metrics"), 401, "key-needed")


async def test_an_operator_may_open_the_figures_to_all(serve: Any) -> None:
    opened = await serve(keys="required", metrics_open=True)

    assert (await opened.http.get("/metrics")).status_code == 200


async def test_a_scrape_asks_redis_once(service: Any, redis_url: str) -> None:
    await service.http.get("/metrics")

    def calls() -> int:
        with make_redis(redis_url) as connection:
            stats: Any = connection.info("commandstats")
            return stats["cmdstat_evalsha"]["calls"]

    before = calls()
    await service.http.get("/metrics")

    assert calls() - before == 1
