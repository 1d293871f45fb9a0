"""From chunk to certificate, on a real store, with draws that need no model."""

import json
import time
from typing import Any

import pytest
from scipy.stats import beta

from jobs import ledger, store
from jobs.errors import StoreUnavailable
from jobs.keys import commitment
from jobs.record import JobState, Maker, WorkerModel
from smoothing.votes import Votes

pytestmark = pytest.mark.redis


def test_a_job_is_drawn_to_its_certificate(world: Any, jobs: Any) -> None:
    spec = jobs.submit()
    world.drawing.admit(jobs.model)

    world.work()

    job = jobs.read(spec.id)
    assert job.state is JobState.SUCCEEDED
    assert job.certificate["counts"] == {"selection": {"1": 20}, "estimation": {"1": 100}}
    assert job.certificate["p_lower"] == pytest.approx(beta.ppf(0.001, 100, 1))
    assert job.certificate["noise"]["commitment"] == commitment(jobs.key(spec))
    assert [(each.phase, each.start) for each in world.drawn] == [
        *(("selection", start) for start in (0, 10)),
        *(("estimation", start) for start in range(0, 100, 10)),
    ]


def test_draws_are_made_with_the_jobs_own_image_noise_and_key(world: Any, jobs: Any) -> None:
    spec = jobs.submit()
    world.drawing.admit(jobs.model)

    world.drawing.draw(world.sent[0])

    (draws,) = world.drawn
    assert (draws.image == jobs.image).all()
    assert (draws.sigma, draws.key, draws.numerics) == (0.25, jobs.key(spec), "sound")


def test_a_message_delivered_twice_is_drawn_once(world: Any, jobs: Any) -> None:
    jobs.submit()
    world.drawing.admit(jobs.model)

    world.drawing.draw(world.sent[0])
    world.drawing.draw(world.sent[0])

    assert len(world.drawn) == 1


def test_a_chunk_of_a_job_that_ended_is_not_drawn(world: Any, jobs: Any) -> None:
    spec = jobs.submit()
    world.drawing.admit(jobs.model)
    jobs.run(store.delete(spec.id, tenant="local", now=time.time()))

    world.work()

    assert world.drawn == []


def test_an_error_is_tried_again_and_the_third_fails_the_job(world: Any, jobs: Any) -> None:
    lucky, unlucky = jobs.submit(salt=1), jobs.submit(salt=2, chunk_size=20)
    world.drawing.admit(jobs.model)
    world.errors = [RuntimeError("secret path /x")] * 2
    chunks = {
        job_id: [c for c in world.sent if c.job_id == job_id] for job_id in (lucky.id, unlucky.id)
    }
    world.sent = chunks[lucky.id]
    world.work()
    world.errors = [RuntimeError("secret path /x")] * 3
    world.sent = chunks[unlucky.id]
    world.work()

    failed = jobs.read(unlucky.id)

    assert jobs.read(lucky.id).state is JobState.SUCCEEDED
    assert (failed.state, failed.error.code) == (JobState.FAILED, "chunk_failed")
    assert "secret" not in failed.error.message


def test_a_model_that_cannot_be_used_fails_its_jobs(world: Any, jobs: Any) -> None:
    spec = jobs.submit()
    world.drawing.admit(jobs.model)
    world.problem = "model tiny cannot be used: DigestMismatch"

    world.work()

    job = jobs.read(spec.id)
    assert (job.state, job.error.code) == (JobState.FAILED, "model_unavailable")
    assert job.error.message == world.problem


@pytest.mark.parametrize(
    ("function", "state"),
    [("the same", JobState.RUNNING), (None, JobState.RUNNING), ("ab" * 32, JobState.FAILED)],
)
def test_a_worker_that_cannot_draw_a_model_leaves_its_jobs_to_one_that_can(
    world: Any, jobs: Any, function: str | None, state: JobState
) -> None:
    """The same weights under another normalisation are another function; some do not say which."""
    spec = jobs.submit()
    held = WorkerModel(
        id=spec.model.id,
        weights_sha256=spec.model.weights_sha256,
        function_sha256=spec.model.function_sha256 if function == "the same" else function,
        draws_per_s=1.0,
        batch_size=32,
    )
    world.heartbeat("healthy", held)
    world.drawing.admit(jobs.model)
    world.problem = "model tiny cannot be used: DigestMismatch"

    world.work()

    assert jobs.read(spec.id).state is state
    revived = jobs.run(ledger.revive(jobs.model, window=3, now=time.time() + 10))
    assert bool(revived) == (state is JobState.RUNNING)


@pytest.mark.parametrize(("serves", "state"), [("", JobState.RUNNING), ("2", JobState.FAILED)])
def test_it_leaves_them_to_one_that_still_loads_the_model(
    world: Any, jobs: Any, serves: str, state: JobState
) -> None:
    """Where all start at once, the one whose model is damaged is ready first."""
    spec = jobs.submit()
    model = WorkerModel(
        id=f"{jobs.model}{serves}", weights_sha256="", draws_per_s=None, batch_size=None
    )
    world.heartbeat("slower", model, state="starting")
    world.drawing.admit(jobs.model)
    world.problem = "model tiny cannot be used: DigestMismatch"

    world.work()

    assert jobs.read(spec.id).state is state


def test_votes_survive_a_short_absence_of_redis(world: Any, jobs: Any) -> None:
    spec = jobs.submit()
    world.drawing.admit(jobs.model)
    world.away = 1

    world.work()

    assert jobs.read(spec.id).state is JobState.SUCCEEDED


def test_a_chunk_given_up_in_a_long_absence_is_released_afterwards(world: Any, jobs: Any) -> None:
    jobs.submit()
    world.drawing.admit(jobs.model)
    world.heartbeat("me"), world.heartbeat("other")
    chunk = world.sent[0]
    jobs.run(ledger.begin(chunk, worker="me", now=time.time()))
    world.away = 100
    with pytest.raises(StoreUnavailable):
        world.drawing.draw(chunk)
    world.away = 0

    world.drawing.release_abandoned()

    begun = jobs.run(ledger.begin(chunk, worker="other", now=time.time()))
    assert begun.outcome == "granted"


def test_a_chunk_whose_worker_died_is_drawn_alone(world: Any, jobs: Any) -> None:
    jobs.submit()
    world.drawing.admit(jobs.model)
    jobs.run(ledger.begin(world.sent[0], worker="dead", now=time.time()))

    world.drawing.draw(world.sent[0])

    assert len(world.drawn) == 1


def test_a_complete_request_is_advanced_by_whoever_comes_next(world: Any, jobs: Any) -> None:
    jobs.submit()
    world.drawing.admit(jobs.model)
    selection = tuple(world.sent)
    for chunk in selection:
        votes = Votes(counts=(0, chunk.stop - chunk.start, 0))
        jobs.run(
            ledger.commit(
                chunk,
                votes,
                maker=Maker(runtime="", noise_scheme=""),
                worker="dead",
                window=3,
                now=time.time(),
            )
        )
    world.sent.clear()

    world.drawing.draw(selection[0])

    assert {chunk.phase for chunk in world.sent} == {"estimation"}


def test_a_broken_broker_does_not_lose_committed_votes(world: Any, jobs: Any) -> None:
    spec = jobs.submit()
    world.drawing.admit(jobs.model)
    world.drawing._send = lambda _model, _chunk: 1 / 0

    world.work()

    # All of selection, which was sent before, and the chunk of estimation that came to hand.
    assert jobs.read(spec.id).progress.draws_done == 30


def test_an_image_is_forgotten_when_its_job_ended(world: Any, jobs: Any) -> None:
    jobs.submit()
    world.drawing.admit(jobs.model)

    world.work()

    assert world.drawing.assignments._known == {}


def test_the_certificate_shows_no_key(world: Any, jobs: Any) -> None:
    spec = jobs.submit()
    world.drawing.admit(jobs.model)

    world.work()

    assert jobs.key(spec).hex() not in json.dumps(jobs.read(spec.id).certificate)
