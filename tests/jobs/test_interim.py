"""A certificate that holds while its job runs, and what the job ends with if it is stopped."""

from typing import Any

import pytest

from jobs import ledger, store
from jobs.advance import interim, shows_early
from jobs.errors import JobNotCancellable
from jobs.record import JobState
from smoothing.params import SmoothingParams
from smoothing.votes import Votes

pytestmark = pytest.mark.redis
ANYTIME = SmoothingParams(sigma=0.25, mode="anytime", n=100)


def document(draws: int) -> dict[str, Any]:
    return {"radius": draws / 1000, "counts": {"estimation": {"0": draws}}}


def show(life: Any, job_id: str, draws: int) -> bool:
    return life.run(ledger.show(job_id, draws=draws, document=document(draws)))


@pytest.fixture
def shown(life: Any) -> str:
    """A running job of 100 draws, 30 of them committed, 20 of them in its certificate."""
    job_id, chunks = life.started(params=ANYTIME)
    for chunk in chunks[:3]:
        life.commit(chunk)
    assert show(life, job_id, 20)
    return job_id


def test_an_interim_certificate_is_read_while_the_job_runs(life: Any, shown: str) -> None:
    job = life.read(shown)

    assert (job.state, job.certificate) == (JobState.RUNNING, None)
    assert job.interim == document(20)


def test_a_later_certificate_replaces_an_earlier_one_and_never_the_reverse(
    life: Any, shown: str
) -> None:
    version = life.read(shown).version

    answers = [show(life, shown, draws) for draws in (30, 30, 10)]

    job = life.read(shown)
    assert answers == [True, False, False]
    assert (job.interim, job.version) == (document(30), version + 1)


def test_a_cancelled_job_succeeds_with_what_it_had_shown(life: Any, shown: str) -> None:
    for _ in range(2):
        life.run(store.cancel(shown, tenant="local", now=life.now))

    job = life.read(shown)
    assert (job.state, job.certificate, job.interim) == (JobState.SUCCEEDED, document(20), None)
    assert job.progress.draws_done == job.progress.draws_planned == 20
    assert life.run(store.backlog(life.model, now=life.now)).draws == 0


@pytest.mark.parametrize("notice", ["read", "revive"])
def test_a_job_out_of_time_succeeds_with_what_it_had_shown(
    life: Any, shown: str, notice: str
) -> None:
    life.now += 600

    getattr(life, notice)(*([shown] if notice == "read" else []))

    job = life.read(shown)
    assert (job.state, job.certificate) == (JobState.SUCCEEDED, document(20))


def test_a_job_that_had_shown_nothing_is_cancelled(life: Any) -> None:
    job_id, _ = life.started(params=ANYTIME)

    life.run(store.cancel(job_id, tenant="local", now=life.now))

    assert life.read(job_id).state is JobState.CANCELLED


def test_what_ended_early_is_no_cached_answer_to_the_next_request(life: Any, shown: str) -> None:
    life.run(store.cancel(shown, tenant="local", now=life.now))

    again = life.submit(life.spec(params=ANYTIME))

    assert again.outcome == "created"


def test_a_finished_job_shows_its_certificate_alone_and_cannot_be_cancelled(life: Any) -> None:
    job_id, chunks = life.started(params=ANYTIME)
    for chunk in chunks:
        life.commit(chunk)
    show(life, job_id, 90)
    life.run(ledger.finish(job_id, step=0, document=document(100), now=life.now))

    job = life.read(job_id)
    assert (job.certificate, job.interim) == (document(100), None)
    assert not show(life, job_id, 100)
    with pytest.raises(JobNotCancellable):
        life.run(store.cancel(job_id, tenant="local", now=life.now))


def test_only_a_contiguous_prefix_counts_and_only_for_the_mode_that_may_be_read(
    life: Any,
) -> None:
    job_id, chunks = life.started(params=ANYTIME)
    for chunk in (chunks[0], chunks[1], chunks[5]):
        life.commit(chunk, Votes(counts=(10, 0, 0)))

    found = interim(life.snapshot(job_id))

    assert found is not None
    assert found.deciding_votes == Votes(counts=(20, 0, 0))
    assert found.stop_reason == "interim"
    assert shows_early(life.spec(params=ANYTIME))
    assert not shows_early(life.spec())
