"""Workers and the store die at the worst moments: the votes do not change."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.redis, pytest.mark.slow]


@pytest.fixture(scope="module")
def lone(serve: Callable[..., Any]) -> Any:
    """A stack with a single worker, for tests that kill it."""
    return serve(workers=1)


def half_way(stack: Any, job_id: str) -> Callable[[], bool]:
    return lambda: stack.read(job_id)["progress"]["draws_done"] >= 400


@pytest.mark.parametrize(("victim", "seed"), [("celery", 101), ("valkey-server", 103)])
def test_a_worker_or_the_store_killed_half_way_changes_no_vote(
    lone: Any, picture: Callable[..., bytes], in_process: Callable[..., Any], victim: str, seed: int
) -> None:
    job = lone.submit(picture(seed), n=2000)
    lone.wait_until(half_way(lone, job["id"]))

    lone.kill(victim)

    assert lone.wait(job["id"])["certificate"]["counts"] == in_process(picture(seed), n=2000).counts


def test_kills_of_both_during_several_jobs_leave_every_count_exact(
    lone: Any, picture: Callable[..., bytes], in_process: Callable[..., Any]
) -> None:
    lone.wait_until(lone.ready)
    jobs = {seed: lone.submit(picture(seed), n=1000)["id"] for seed in (107, 109, 113)}

    for victim in ("celery", "valkey-server", "celery"):
        lone.wait_until(lambda: lone.ready() and not terminal(lone, jobs.values()))
        lone.kill(victim)

    counts = {seed: lone.wait(job)["certificate"]["counts"] for seed, job in jobs.items()}
    assert counts == {seed: in_process(picture(seed), n=1000).counts for seed in jobs}


def terminal(stack: Any, job_ids: Any) -> bool:
    return all(stack.read(job)["state"] == "succeeded" for job in job_ids)


def test_a_worker_killed_between_looks_changes_no_answer(
    lone: Any, picture: Callable[..., bytes], in_process: Callable[..., Any]
) -> None:
    """The pilot is drawn, perhaps part of the plan; what is planned again is the same plan."""
    asked = {"mode": "adaptive", "n": 1000, "precision": 0.3}
    job = lone.submit(picture(137), **asked)
    lone.wait_until(lambda: lone.read(job["id"])["progress"]["draws_done"] >= 128)

    lone.kill("celery")

    bare, document = in_process(picture(137), **asked), lone.wait(job["id"])["certificate"]
    assert (document["counts"], document["radius"]) == (bare.counts, bare.radius)


def test_jobs_survive_a_restart_of_everything(
    serve: Callable[..., Any],
    stop_stack: Callable[[Any], int],
    picture: Callable[..., bytes],
    tmp_path: Path,
) -> None:
    first = serve(state_dir=tmp_path)
    done = first.wait(first.submit(picture(127), n=100)["id"])
    running = first.submit(picture(131), n=1500)

    code = stop_stack(first)
    second = serve(state_dir=tmp_path)

    assert code == 0
    assert second.read(done["id"])["certificate"] == done["certificate"]
    assert second.wait(running["id"])["state"] == "succeeded"
