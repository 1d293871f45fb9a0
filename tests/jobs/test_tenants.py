"""To each tenant its own jobs exist, and no others."""

from dataclasses import replace
from typing import Any

import pytest

from jobs import store
from jobs.errors import JobGone, JobNotFound, UnknownCursor
from jobs.record import JobState

pytestmark = pytest.mark.redis


def listed(life: Any, tenant: str = "local", **options: Any) -> Any:
    return life.run(store.list_jobs(tenant, now=life.now, **options))


def ids(page: Any) -> list[str]:
    return [job.spec.id for job in page.jobs]


def test_another_tenant_s_job_does_not_exist(life: Any) -> None:
    job_id = life.submit().job_id

    assert life.read(job_id, "acme") is None
    assert life.run(store.version(job_id, tenant="acme")) is None
    assert life.run(store.tensor(job_id, tenant="acme")) is None
    with pytest.raises(JobNotFound):
        life.run(store.cancel(job_id, tenant="acme", now=life.now))
    with pytest.raises(JobNotFound):
        life.run(store.delete(job_id, tenant="acme", now=life.now))
    assert listed(life, "acme").jobs == ()
    assert life.read(job_id).state == JobState.QUEUED


def test_the_same_question_of_another_tenant_meets_the_same_dice_in_its_own_job(life: Any) -> None:
    mine = life.submit(life.other(1))
    theirs = life.submit(life.other(1, tenant="acme"), caller=life.caller("acme"))
    life.complete(mine.job_id)
    later = life.submit(life.other(1, tenant="bolt"), caller=life.caller("bolt"))

    specs = [life.read(mine.job_id).spec, life.read(theirs.job_id, "acme").spec]
    assert (theirs.outcome, later.outcome) == ("created", "created")
    assert specs[0].request_digest == specs[1].request_digest


def test_a_forgotten_job_is_gone_for_its_tenant_and_unknown_to_others(life: Any) -> None:
    deleted, expired = life.submit(life.other(1)).job_id, life.submit(life.other(2)).job_id
    life.run(store.delete(deleted, tenant="local", now=life.now))
    life.client.delete(f"dmae:job:{{{expired}}}")

    for job_id in (deleted, expired):
        assert life.read(job_id, "acme") is None
        with pytest.raises(JobGone):
            life.read(job_id)
        with pytest.raises(JobGone):
            life.run(store.cancel(job_id, tenant="local", now=life.now))
        with pytest.raises(JobGone):
            life.run(store.delete(job_id, tenant="local", now=life.now))


def test_what_is_gone_is_known_to_be_for_a_week_after_its_record_went(life: Any) -> None:
    job_id = life.submit(life.other(1)).job_id
    life.run(store.delete(job_id, tenant="local", now=life.now))
    life.now += 7 * 86_400 + 86_400
    life.submit(life.other(2))
    with pytest.raises(JobGone):
        life.read(job_id)
    life.now += 3_600
    life.submit(life.other(3))

    assert life.read(job_id) is None


def test_jobs_are_listed_newest_first_page_by_page(life: Any) -> None:
    made = []
    for number in range(5):
        life.now += 1
        made.append(life.submit(life.other(number)).job_id)
    first = listed(life, limit=2)
    life.submit(life.other(9))
    second = listed(life, limit=2, cursor=first.next_cursor)
    third = listed(life, limit=2, cursor=second.next_cursor)

    assert ids(first) + ids(second) + ids(third) == made[::-1]
    assert third.next_cursor is None


def test_a_page_goes_on_after_a_job_that_was_deleted_meanwhile(life: Any) -> None:
    made = []
    for number in range(3):
        life.now += 1
        made.append(life.submit(life.other(number)).job_id)
    first = listed(life, limit=1)
    life.run(store.delete(made[2], tenant="local", now=life.now))

    assert ids(listed(life, cursor=first.next_cursor)) == made[1::-1]
    assert ids(listed(life)) == made[1::-1]


def test_a_list_can_be_of_some_states(life: Any) -> None:
    done = life.submit(life.other(1)).job_id
    life.complete(done)
    life.submit(life.other(2))
    stopped = life.submit(life.other(3)).job_id
    life.run(store.cancel(stopped, tenant="local", now=life.now))

    ended = listed(life, states=[JobState.SUCCEEDED, JobState.CANCELLED])

    assert set(ids(ended)) == {done, stopped}


def test_a_list_notices_deadlines(life: Any) -> None:
    life.submit(life.other(1))
    life.now += 601

    assert [job.state for job in listed(life).jobs] == [JobState.EXPIRED]


def test_a_cursor_that_was_never_given_is_refused(life: Any) -> None:
    job_id = life.submit().job_id

    for tenant, cursor in (("local", "x"), ("acme", job_id)):
        with pytest.raises(UnknownCursor):
            listed(life, tenant, cursor=cursor)


@pytest.mark.parametrize("limit", [0, 101])
def test_a_page_has_a_size(life: Any, limit: int) -> None:
    with pytest.raises(ValueError, match=f"got {limit}"):
        listed(life, limit=limit)


def test_a_queued_job_knows_its_place_and_a_started_one_has_none(life: Any) -> None:
    first, second = life.submit(life.other(1)).job_id, life.submit(life.other(2)).job_id
    urgent = life.submit(life.other(3, priority="interactive")).job_id
    life.submit(life.other(4, tenant="acme"), caller=life.caller("acme"))

    places = [life.read(job_id).progress.queue_position for job_id in (urgent, first, second)]
    life.admit()

    assert places == [1, 2, 3]
    assert life.read(first).progress.queue_position is None


def test_every_distinct_question_about_an_image_counts_whoever_asked(life: Any) -> None:
    spec = life.other(1)
    life.submit(spec)
    life.submit(life.other(1, tenant="acme"), caller=life.caller("acme"))
    life.submit(life.other(1))
    for change in ({"alpha": 0.01}, {"sigma": 0.5}, {"n": 200}):
        life.submit(life.other(1, params=replace(spec.params, **change)))
    life.submit(life.other(2))
    life.admit()

    assert life.snapshot(spec.id).attempts == 4
