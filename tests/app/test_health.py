"""Alive is about the process; ready is about Redis and workers."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

Problem = Callable[..., dict[str, Any]]


async def test_ready_with_a_worker_that_holds_a_model_and_what_runs_it(
    service: Any, worker: Any
) -> None:
    worker.beat(runtime="eager 2, 32 rows", warning="model tiny.colours runs in eager torch")

    answer = await service.http.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "workers_ready": 1,
        "workers_starting": 0,
        "models": ["tiny.colours"],
        "runtimes": {"tiny.colours": ["eager 2, 32 rows"]},
        "warnings": ["model tiny.colours runs in eager torch"],
    }


async def test_not_ready_while_the_worker_is_starting(
    service: Any, worker: Any, problem: Problem
) -> None:
    worker.beat(state="starting", speed=None)

    answer = await service.http.get("/readyz")

    assert problem(answer, 503, "not-ready")["detail"].startswith("worker starting")
    assert int(answer.headers["retry-after"]) >= 1


async def test_not_ready_without_a_worker(service: Any, problem: Problem) -> None:
    body = problem(await service.http.get("/readyz"), 503, "not-ready")

    assert body["detail"] == "no worker is alive"


async def test_not_ready_when_no_worker_could_load_the_model(
    service: Any, worker: Any, problem: Problem
) -> None:
    worker.beat(speed=None, weights_sha256="", problem="DigestMismatch: other bytes")

    body = problem(await service.http.get("/readyz"), 503, "not-ready")

    assert "DigestMismatch" in body["detail"]


async def test_a_worker_with_other_weights_does_not_count(
    service: Any, worker: Any, problem: Problem
) -> None:
    worker.beat(weights_sha256="cd" * 32)

    problem(await service.http.get("/readyz"), 503, "not-ready")


async def test_the_service_starts_without_redis_and_recovers_by_itself(
    serve: Callable[..., Any],
    new_server: Callable[..., Any],
    picture: Callable[..., bytes],
    problem: Problem,
) -> None:
    server = new_server()
    service = await serve(redis_url=server.url)
    job = "/jobs/019a9f0e-8c3a-7d11-9b5e-3f1c2a4d5e6f"

    alive = [await service.http.get(path) for path in ("/livez", "/healthz", "/docs")]
    began = time.monotonic()
    refusals = await asyncio.gather(
        service.certify(picture()),
        *(service.http.get(path) for path in ("/readyz", "/models", job, f"{job}/certificate")),
        service.http.post(f"{job}/cancel"),
        service.http.delete(job),
    )
    took = time.monotonic() - began
    server.start()
    accepted = await service.certify(picture())
    server.kill()
    away = await service.http.get(accepted.json()["links"]["self"])
    server.start()
    back = await service.certify(picture())

    assert [answer.status_code for answer in alive] == [200, 200, 200]
    for refusal in [*refusals, away]:
        problem(refusal, 503, "store-unavailable")
        assert refusal.headers["retry-after"] == "1"
    assert took < 1
    assert (accepted.status_code, back.status_code) == (202, 202)


async def test_a_redis_that_hangs_is_away_within_about_a_second(
    serve: Callable[..., Any], new_server: Callable[..., Any], problem: Problem
) -> None:
    server = new_server()
    server.start()
    service = await serve(redis_url=server.url)
    await service.http.get("/models")
    server.pause()
    began = time.monotonic()

    answer = await service.http.get("/readyz")

    took = time.monotonic() - began
    server.resume()
    problem(answer, 503, "store-unavailable")
    assert took < 1.5
    problem(await service.http.get("/readyz"), 503, "not-ready")
