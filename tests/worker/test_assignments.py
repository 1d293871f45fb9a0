"""Jobs are read once, and forgotten soon."""

import time
from typing import Any

import numpy as np
import pytest

from jobs import ledger
from worker.assignments import IDLE_S, Assignments

pytestmark = pytest.mark.redis


def test_a_job_is_read_once_for_all_its_chunks(jobs: Any) -> None:
    reads: list[Any] = []
    spec = jobs.submit()
    jobs.run(ledger.admit(jobs.model, window=1, now=time.time()))
    assignments = Assignments(lambda command: (reads.append(command), jobs.run(command))[1])

    first, second = assignments.get(spec.id), assignments.get(spec.id)

    assert first is second
    assert len(reads) == 1
    assert first is not None
    np.testing.assert_array_equal(first.image, jobs.image)


def test_an_idle_image_is_forgotten(jobs: Any) -> None:
    now = [0.0]
    spec = jobs.submit()
    jobs.run(ledger.admit(jobs.model, window=1, now=time.time()))
    assignments = Assignments(jobs.run, clock=lambda: now[0])
    assignments.get(spec.id)
    now[0] = IDLE_S + 1

    assignments.forget_idle()

    assert assignments._known == {}


def test_a_job_that_does_not_run_is_nobodys_assignment(jobs: Any) -> None:
    spec = jobs.submit()

    assert Assignments(jobs.run).get(spec.id) is None
