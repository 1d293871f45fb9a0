"""How evaluations end, and what becomes of their jobs."""

import pytest

from jobs import evaluations, store
from jobs.errors import EvaluationGone, EvaluationNotCancellable, JobGone
from jobs.evaluation_record import EvaluationState, ItemError
from tests.jobs.labelled import BAD, LabelledSet

pytestmark = pytest.mark.redis


def test_how_jobs_ended_is_kept_when_they_are_forgotten(evaluation: LabelledSet) -> None:
    ids = [evaluation.place(index) for index in (0, 2)]
    for chunk in evaluation.life.admit():
        evaluation.life.commit(chunk)
    for job_id in ids:
        evaluation.finish(job_id)

    done = evaluation.read()
    evaluation.life.client.delete(*(f"dmae:job:{{{job_id}}}" for job_id in ids))

    assert evaluation.read() == done
    assert done.state is EvaluationState.SUCCEEDED
    assert done.finished_at == evaluation.life.now
    result = done.results[2]
    assert (result.state, result.job_id, result.predicted) == ("succeeded", ids[1], 2)
    assert (result.certified, result.radius, result.seconds) == (True, 0.123456, 1.5)


def test_without_any_certificate_it_has_failed(evaluation: LabelledSet) -> None:
    for index in (0, 2):
        error = ItemError(code="unreadable-image", message="damaged")
        evaluation.run(
            evaluations.refused(evaluation.id, index, error=error, now=evaluation.life.now)
        )

    read = evaluation.read()

    assert read.state is EvaluationState.FAILED
    assert [result.error for _, result in sorted(read.results.items())] == [error, BAD.error, error]


def test_cancelling_stops_its_jobs_and_is_idempotent(evaluation: LabelledSet) -> None:
    job_id = evaluation.place(0)

    evaluation.cancel()
    first = evaluation.read()
    evaluation.cancel()

    assert evaluation.read() == first
    assert first.state is EvaluationState.CANCELLED
    assert {index: each.state for index, each in first.results.items()} == {
        0: "cancelled",
        1: "error",
        2: "cancelled",
    }
    assert evaluation.life.read(job_id).state == "cancelled"
    assert evaluation.take() is None
    assert not evaluation.placed(2, "late")


def test_a_job_that_an_ended_evaluation_tells_of_is_not_called_unwanted(
    evaluation: LabelledSet,
) -> None:
    """Who took too long to submit it finds that another has, and that all has ended since."""
    jobs = {index: evaluation.place(index) for index in (0, 2)}
    for job_id in jobs.values():
        evaluation.finish(job_id)
    assert evaluation.read().state is EvaluationState.SUCCEEDED

    assert evaluation.placed(2, jobs[2])
    assert not evaluation.placed(2, "another")


def test_cancelling_leaves_jobs_alone_that_others_asked_for(evaluation: LabelledSet) -> None:
    job_id = evaluation.place(0, own=False)

    evaluation.cancel()

    assert evaluation.life.read(job_id).state == "queued"
    assert evaluation.read().results[0].state == "cancelled"


def test_what_has_ended_cannot_be_cancelled(evaluation: LabelledSet) -> None:
    for index in (0, 2):
        evaluation.finish(evaluation.place(index))

    with pytest.raises(EvaluationNotCancellable, match="succeeded"):
        evaluation.cancel()


def test_at_its_deadline_all_that_is_left_expires(evaluation: LabelledSet) -> None:
    evaluation.finish(evaluation.place(0))
    evaluation.life.now += 3600

    read = evaluation.read()

    assert read.state is EvaluationState.EXPIRED
    assert (read.results[0].state, read.results[2].state) == ("succeeded", "expired")


def test_deleting_erases_its_jobs_too_and_leaves_that_it_was(evaluation: LabelledSet) -> None:
    own, found = evaluation.place(0), evaluation.place(2, own=False)
    evaluation.finish(own)

    evaluation.delete()

    with pytest.raises(EvaluationGone):
        evaluation.read()
    with pytest.raises(EvaluationGone):
        evaluation.delete()
    with pytest.raises(JobGone):
        evaluation.life.read(own)
    assert evaluation.life.read(found).state == "running"
    left = [key for key in evaluation.life.all_keys() if evaluation.id.encode() in key]
    assert left == []


def test_a_job_that_was_deleted_is_said_to_be(evaluation: LabelledSet) -> None:
    job_id = evaluation.place(0)
    evaluation.run(store.delete(job_id, tenant="local", now=evaluation.life.now))

    assert evaluation.read().results[0].state == "deleted"


def test_a_deletion_forgets_no_evaluation_that_is_still_kept(evaluation: LabelledSet) -> None:
    evaluation.life.now += 3_000
    evaluation.cancel()
    evaluation.life.now += 6 * 86_400
    late = LabelledSet(evaluation.life)
    late.begin()
    evaluation.life.now += 2.5 * 86_400

    late.delete()

    listed = evaluations.list_evaluations("local", now=evaluation.life.now)
    assert [each.spec.id for each in evaluation.run(listed)[0]] == [evaluation.id]
