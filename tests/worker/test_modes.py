"""Every mode from chunk to certificate: the votes and answers of a run without queue or store."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from jobs import store
from jobs.record import JobState
from smoothing.certificate import Certificate
from smoothing.params import SmoothingParams
from smoothing.procedures import DrawMore, procedure_for
from smoothing.votes import Phase, Votes

pytestmark = pytest.mark.redis

MODES: dict[str, dict[str, Any]] = {
    "fixed": {"n0": 20, "n": 200},
    "adaptive": {"mode": "adaptive", "n": 2000, "precision": 0.2},
    "adaptive, runner-up": {"mode": "adaptive", "n": 500, "bound": "runner-up"},
    "decide, within reach": {"mode": "decide", "radius": 0.1, "n": 2000},
    "decide, out of reach": {"mode": "decide", "radius": 0.4, "n": 2000},
    "anytime": {"mode": "anytime", "n": 300},
    "predict": {"mode": "predict", "n": 150},
}


def nine_in_ten(index: int) -> int:
    """A draw's vote, by its index: of class 1 nearly always, and without a pattern."""
    share = np.random.default_rng(index).random()
    return 1 if share < 0.9 else (0 if share < 0.95 else 2)


@pytest.fixture
def asked() -> Callable[[str], SmoothingParams]:
    """The parameters of a named question."""
    return lambda name: SmoothingParams(sigma=0.25, **MODES[name])


def alone(world: Any, params: SmoothingParams) -> Certificate:
    """The same question, answered in a loop."""
    procedure, tally = procedure_for(params, 3), {phase: Votes.none(3) for phase in Phase}
    while isinstance(step := procedure.step(tally), DrawMore):
        tally[step.phase] += world.votes(step.start, step.stop)
    return step


@pytest.mark.parametrize("chunk_size", [16, 70])
@pytest.mark.parametrize("name", MODES)
def test_a_job_is_answered_as_a_loop_answers_whatever_the_chunks_and_their_order(
    world: Any, jobs: Any, asked: Any, name: str, chunk_size: int
) -> None:
    world.vote = nine_in_ten
    spec = jobs.submit(params=asked(name), chunk_size=chunk_size)
    world.drawing.admit(jobs.model)

    shuffle = np.random.default_rng(chunk_size)
    while world.sent:
        world.drawing.draw(world.sent.pop(int(shuffle.integers(len(world.sent)))))

    job, truth = jobs.read(spec.id), alone(world, asked(name))
    sparse = {str(phase): votes.sparse() for phase, votes in truth.tally.items()}
    assert job.state is JobState.SUCCEEDED
    assert job.certificate["counts"] == sparse
    assert job.certificate["radius"] == truth.radius
    assert job.certificate["stop_reason"] == truth.stop_reason
    assert job.progress.draws_done == sum(votes.total for votes in truth.tally.values())


@pytest.mark.parametrize("name", [name for name in MODES if name.startswith("decide")])
def test_no_draw_is_made_beyond_the_look_that_decides(
    world: Any, jobs: Any, asked: Any, name: str
) -> None:
    world.vote = nine_in_ten
    spec = jobs.submit(params=asked(name), chunk_size=16)
    world.drawing.admit(jobs.model)

    world.work()

    counted = sum(jobs.read(spec.id).certificate["counts"]["estimation"].values())
    assert max(draws.stop for draws in world.drawn) == counted < 2000
    assert sum(draws.num_draws for draws in world.drawn) == counted


def test_an_anytime_job_shows_what_its_votes_prove_while_it_runs(
    world: Any, jobs: Any, asked: Any
) -> None:
    spec = jobs.submit(params=asked("anytime"), chunk_size=50)
    world.drawing.admit(jobs.model)
    radii = []

    for _ in range(4):
        world.drawing.draw(world.sent.pop(0))
        radii.append(jobs.read(spec.id).interim["radius"])

    params = asked("anytime")
    proved = [
        procedure_for(params, 3).interim(tally(world, draws)) for draws in (50, 100, 150, 200)
    ]
    assert radii == [certificate.radius for certificate in proved]
    assert radii == sorted(set(radii))


def test_what_is_shown_is_never_far_behind_and_costs_no_look_at_every_commit(
    world: Any, jobs: Any, asked: Any
) -> None:
    spec = jobs.submit(params=asked("anytime"), chunk_size=1)
    world.drawing.admit(jobs.model)
    shown = []

    for _ in range(200):
        world.drawing.draw(world.sent.pop(0))
        shown.append(jobs.read(spec.id).interim["counts"]["estimation"]["1"])

    assert shown[:64] == list(range(1, 65))
    assert all(draws - seen <= draws / 64 + 1 for draws, seen in enumerate(shown, start=1))
    assert len(set(shown)) < 150


def tally(world: Any, draws: int) -> dict[Phase, Votes]:
    return {Phase.ESTIMATION: world.votes(0, draws)}


def test_a_cancelled_anytime_job_ends_with_the_certificate_it_has(
    world: Any, jobs: Any, asked: Any
) -> None:
    spec = jobs.submit(params=asked("anytime"), chunk_size=50)
    world.drawing.admit(jobs.model)
    world.drawing.draw(world.sent.pop(0))
    shown = jobs.read(spec.id).interim

    jobs.run(store.cancel(spec.id, tenant="local", now=time.time()))
    world.work()

    job = jobs.read(spec.id)
    assert (job.state, job.certificate) == (JobState.SUCCEEDED, shown)
    assert job.certificate["counts"] == {"estimation": {"1": 50}}
    assert job.certificate["verdict"] == "certified"


def test_votes_beyond_a_gap_are_not_shown(world: Any, jobs: Any, asked: Any) -> None:
    spec = jobs.submit(params=asked("anytime"), chunk_size=50)
    world.drawing.admit(jobs.model)

    world.drawing.draw(world.sent.pop(1))

    assert jobs.read(spec.id).interim is None


def test_a_job_of_another_mode_shows_nothing_before_its_end(
    world: Any, jobs: Any, asked: Any
) -> None:
    spec = jobs.submit(params=asked("decide, out of reach"), chunk_size=16)
    world.drawing.admit(jobs.model)

    world.drawing.draw(world.sent.pop(0))

    job = jobs.read(spec.id)
    assert (job.progress.draws_done, job.interim) == (16, None)


def test_a_thread_goes_on_to_the_next_look_if_no_message_waits_for_it(
    world: Any, jobs: Any, asked: Any
) -> None:
    world.vote = nine_in_ten
    spec = jobs.submit(params=asked("decide, out of reach"), chunk_size=64)
    world.drawing.admit(jobs.model)

    world.drawing.draw(world.sent.pop())

    assert (world.sent, jobs.read(spec.id).state) == ([], JobState.SUCCEEDED)
    assert len(world.drawn) > 1


def test_a_look_waits_in_the_queue_behind_the_messages_of_others(
    world: Any, jobs: Any, client: Any, asked: Any
) -> None:
    world.vote = nine_in_ten
    jobs.submit(params=asked("decide, out of reach"), chunk_size=64)
    world.drawing.admit(jobs.model)
    client.rpush(f"dmae:celery:draws.{jobs.model}", "a message")

    world.drawing.draw(world.sent.pop())

    assert [chunk.start for chunk in world.sent] == [64]
    assert len(world.drawn) == 1
