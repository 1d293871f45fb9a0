"""Real Celery workers in processes of their own, and ways for them to die."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.record import JobState
from model_store.classifier import load_classifier
from smoothing.certificate import Certificate
from smoothing.params import SmoothingParams
from smoothing.sampler import Sampler, certify

pytestmark = [pytest.mark.redis, pytest.mark.slow]
ROOT = Path(__file__).parents[2]
LONG = SmoothingParams(sigma=0.25, n0=100, n=20_000)


@pytest.fixture
def spawn(server: Any, client: Any, model_store_dir: Path) -> Iterator[Callable[[], Any]]:
    """Starts a worker process; all are killed in the end."""
    _ = client
    started: list[subprocess.Popen[bytes]] = []
    environment = os.environ | {
        "REDIS_URL": server.url,
        "MODEL_STORE_DIR": str(model_store_dir),
        "WORKER_TORCH_THREADS": "1",
        "WORKER_BATCH_SIZE": "32",
        "WORKER_WARM_UP_S": "0.05",
        "WORKER_CACHE_DIR": f"{model_store_dir}-cache",
        "WORKER_LOG_LEVEL": "WARNING",
    }

    def start() -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "worker"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def ready(jobs: Any, count: int) -> None:
    until = time.monotonic() + 60
    while sum(info.state == "ready" for info in jobs.workers()) < count:
        assert time.monotonic() < until
        time.sleep(0.05)


def drawn(jobs: Any, spec: Any, draws: int) -> None:
    while jobs.read(spec.id).progress.draws_done < draws:
        time.sleep(0.01)


def undisturbed(jobs: Any, spec: Any, model_store_dir: Path) -> Certificate:
    """The certificate as one process alone computes it."""
    classifier = load_classifier(jobs.card, model_store_dir / jobs.model)
    sampler = Sampler(classifier, num_classes=3, input_shape=(3, 8, 8), batch_size=512)
    return certify(sampler, jobs.image, key=jobs.key(spec), params=spec.params)


def test_killing_a_worker_and_then_redis_changes_no_vote(
    jobs: Any, spawn: Callable[[], Any], server: Any, model_store_dir: Path
) -> None:
    first, second = spawn(), spawn()
    ready(jobs, 2)
    spec = jobs.submit(params=LONG, chunk_size=50)
    drawn(jobs, spec, 2_000)
    first.send_signal(signal.SIGKILL)
    drawn(jobs, spec, 5_000)
    server.kill()
    time.sleep(0.5)
    server.start()
    unfinished = jobs.read(spec.id).state

    job = jobs.ended(spec.id)
    second.send_signal(signal.SIGTERM)

    expected = undisturbed(jobs, spec, model_store_dir)
    assert (unfinished, job.state) == (JobState.RUNNING, JobState.SUCCEEDED)
    assert job.certificate["radius"] == expected.radius
    assert job.certificate["counts"] == {
        str(phase): votes.sparse() for phase, votes in expected.tally.items()
    }
    assert second.wait(20) == 0
    assert jobs.workers() == ()


def test_a_redis_that_must_not_write_for_a_while_ends_no_worker(
    jobs: Any, spawn: Callable[[], Any], client: Any
) -> None:
    worker = spawn()
    ready(jobs, 1)
    spec = jobs.submit(params=LONG, chunk_size=50)
    drawn(jobs, spec, 1_000)
    client.config_set("min-replicas-to-write", 1)
    time.sleep(2)
    client.config_set("min-replicas-to-write", 0)

    job = jobs.ended(spec.id)

    assert (worker.poll(), job.state) == (None, JobState.SUCCEEDED)
