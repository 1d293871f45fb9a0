"""The three ways in which a worker leaves with work in hand: stuck, asked twice, asked once."""

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
from smoothing.params import SmoothingParams
from smoothing.sampler import Sampler, certify

ROOT = Path(__file__).parents[2]
LONG = SmoothingParams(sigma=0.25, n0=100, n=8_000)


@pytest.fixture
def spawn(
    server: Any, client: Any, model_store_dir: Path, tmp_path: Path
) -> Iterator[Callable[..., Any]]:
    """Starts worker processes that hang while a file of their name exists."""
    _ = client
    started: list[subprocess.Popen[bytes]] = []

    def start(name: str, **settings: str) -> subprocess.Popen[bytes]:
        environment = {
            "REDIS_URL": server.url,
            "MODEL_STORE_DIR": str(model_store_dir),
            "WORKER_TORCH_THREADS": "1",
            "WORKER_BATCH_SIZE": "32",
            "WORKER_WARM_UP_S": "0.05",
            "WORKER_RUNTIME": "eager",
            "WORKER_CACHE_DIR": str(tmp_path / "cache"),
            "WORKER_LOG_LEVEL": "WARNING",
            "HANGS_WHILE_EXISTS": str(tmp_path / name),
            "PYTHONPATH": str(ROOT),
        }
        started.append(
            subprocess.Popen(
                [sys.executable, str(Path(__file__).parent / "hanging_worker.py")],
                env=os.environ | environment | settings,
                stdout=subprocess.DEVNULL,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def until(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    give_up_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


@pytest.mark.redis
@pytest.mark.slow
def test_no_vote_is_lost_or_counted_twice_however_workers_leave(
    jobs: Any, spawn: Callable[..., Any], model_store_dir: Path, tmp_path: Path
) -> None:
    stuck = spawn("stuck", WORKER_STUCK_S="1.5")
    impatient, patient = spawn("impatient"), spawn("patient")
    until(lambda: sum(info.state == "ready" for info in jobs.workers()) == 3)
    spec = jobs.submit(params=LONG, chunk_size=50)
    until(lambda: jobs.read(spec.id).progress.draws_done > 1_000)

    (tmp_path / "stuck").touch()
    (tmp_path / "impatient").touch()
    code_of_stuck = stuck.wait(15)
    impatient.send_signal(signal.SIGTERM)
    time.sleep(1)
    waits = impatient.poll() is None
    impatient.send_signal(signal.SIGTERM)
    code_of_impatient = impatient.wait(5)
    unfinished = jobs.read(spec.id).state
    job = jobs.ended(spec.id)
    patient.send_signal(signal.SIGTERM)

    classifier = load_classifier(jobs.card, model_store_dir / jobs.model)
    sampler = Sampler(classifier, num_classes=3, input_shape=(3, 8, 8), batch_size=512)
    expected = certify(sampler, jobs.image, key=jobs.key(spec), params=spec.params)
    assert (code_of_stuck, waits, code_of_impatient) == (70, True, 0)
    assert (unfinished, job.state) == (JobState.RUNNING, JobState.SUCCEEDED)
    assert job.certificate["counts"] == {
        str(phase): votes.sparse() for phase, votes in expected.tally.items()
    }
    assert patient.wait(20) == 0
    assert jobs.workers() == ()
