"""A set of jobs under one record: nothing twice, nothing lost, one round trip to read."""

from dataclasses import replace
from typing import Any

import pytest

from jobs import evaluations, ledger, store
from jobs.errors import EvaluationGone, EvaluationNotFound
from jobs.evaluation_record import EvaluationState
from tests.jobs.labelled import BAD, ITEMS, LabelledSet

pytestmark = pytest.mark.redis


def test_it_begins_with_what_is_wrong_already_ended(evaluation: LabelledSet) -> None:
    read = evaluation.read()

    assert read.state is EvaluationState.QUEUED
    assert (read.num_items, read.num_ended, read.num_pending) == (3, 1, 2)
    assert read.items == (*ITEMS[:1], replace(BAD, error=None), *ITEMS[2:])
    assert read.results[1].error == BAD.error
    assert (read.draws_done, read.draws_planned) == (0, 240)


def test_one_that_is_there_is_begun_again_by_the_same_payload_alone(life: Any) -> None:
    made = LabelledSet(life)
    mine, others = (replace(made.spec, payload_sha256=each * 32) for each in ("11", "22"))
    told = []
    for made.spec in (mine, mine, others):
        told.append(made.begin())

    assert told == ["admitted", "admitted", "conflict"]
    assert made.read().spec == mine


def test_pictures_of_one_that_was_there_already_are_not_kept_twice(evaluation: LabelledSet) -> None:
    evaluation.begin()

    assert not evaluation.life.client.exists("dmae:evaluation:{uploads}:images")


def test_each_image_is_taken_in_order_and_placed_once(evaluation: LabelledSet) -> None:
    assert evaluation.take(most=1) == (0,)
    job_id = evaluation.place(0)
    evaluation.placed(0, "another")

    assert evaluation.take() == (2,)
    assert [child.job_id for child in evaluation.read().children] == [job_id]


def test_a_submission_that_died_half_way_goes_on_elsewhere(evaluation: LabelledSet) -> None:
    evaluation.take("dead")
    job_id = evaluation.place(0)

    assert evaluation.take("other") is None
    evaluation.life.now += 11
    assert evaluation.take("other") == (2,)
    assert evaluation.place(0) == job_id
    assert len(evaluation.read().children) == 1


def test_whoever_took_lets_others_take_when_done(evaluation: LabelledSet) -> None:
    evaluation.take("me")
    evaluation.run(evaluations.let_go(evaluation.id, claimer="me", now=evaluation.life.now))

    assert evaluation.take("other") == (0, 2)


def test_no_more_jobs_are_live_than_its_window(evaluation: LabelledSet) -> None:
    assert evaluation.take(window=1) == (0,)
    evaluation.place(0)

    assert evaluation.take(window=1) is None


def test_images_are_kept_only_until_they_are_submitted(evaluation: LabelledSet) -> None:
    key = f"dmae:evaluation:{{{evaluation.id}}}:images"
    assert evaluation.run(evaluations.image(evaluation.id, 0)) == b"x" * 20

    evaluation.place(0)

    assert evaluation.life.client.hkeys(key) == [b"2"]
    evaluation.cancel()
    assert not evaluation.life.client.exists(key)


def test_every_key_expires(evaluation: LabelledSet) -> None:
    evaluation.place(0)
    client = evaluation.life.client
    names = [name for name in client.scan_iter() if name != b"dmae:evaluations:live"]

    assert all(client.ttl(name) > 0 for name in names)

    evaluation.cancel()
    assert not client.exists("dmae:evaluations:live")
    assert all(client.ttl(name) > 0 for name in client.scan_iter())


def test_the_version_grows_with_every_change_of_a_job(evaluation: LabelledSet) -> None:
    seen = [evaluation.read(items=False).version]
    job_id = evaluation.place(0)
    seen.append(evaluation.read(items=False).version)
    (chunk, *_) = evaluation.life.admit()
    evaluation.life.commit(chunk)
    seen.append(evaluation.read(items=False).version)
    evaluation.run(
        ledger.fail(job_id, code="chunk_failed", message="broke", now=evaluation.life.now)
    )
    seen.append(evaluation.read(items=False).version)

    assert seen == sorted(set(seen))
    assert evaluation.read(items=False).version == seen[-1]


def test_the_version_does_not_fall_when_a_job_is_deleted(evaluation: LabelledSet) -> None:
    job_id = evaluation.place(0)
    for chunk in evaluation.life.admit():
        evaluation.life.commit(chunk)
    before = evaluation.read(items=False).version

    evaluation.run(store.delete(job_id, tenant=evaluation.tenant, now=evaluation.life.now))

    assert evaluation.read(items=False).version > before


def test_draws_of_live_and_ended_jobs_are_counted_together(evaluation: LabelledSet) -> None:
    evaluation.place(0)
    chunks = evaluation.life.admit()
    evaluation.life.commit(chunks[0])

    read = evaluation.read(items=False)

    assert read.state is EvaluationState.RUNNING
    assert (read.draws_done, read.draws_planned) == (10, 240)


def test_to_another_tenant_it_does_not_exist(evaluation: LabelledSet) -> None:
    with pytest.raises(EvaluationNotFound) as caught:
        evaluation.read("other")

    assert not isinstance(caught.value, EvaluationGone)
    page, cursor = evaluation.run(evaluations.list_evaluations("other", now=evaluation.life.now))
    assert (page, cursor) == ((), None)


def test_a_tenant_that_is_called_live_sees_its_own_alone(life: Any) -> None:
    LabelledSet(life).begin()
    mine = LabelledSet(life, caller=life.caller("live"))
    mine.begin()
    told = []
    for _ in range(2):
        page, _ = life.run(evaluations.list_evaluations("live", now=life.now))
        told.append([each.spec.id for each in page])
        if not page[0].state.terminal:
            mine.cancel()

    assert told == [[mine.id], [mine.id]]
    assert mine.id not in life.run(evaluations.live())


def test_pages_go_from_the_newest_to_the_oldest(life: Any) -> None:
    sets = []
    for _ in range(3):
        sets.append(LabelledSet(life))
        sets[-1].begin(evaluations.Room(evaluations=9, image_bytes=1000, own_image_bytes=1000))
        life.now += 1
    sets[1].delete()

    first, cursor = life.run(evaluations.list_evaluations("local", now=life.now, limit=1))
    rest, end = life.run(evaluations.list_evaluations("local", now=life.now, cursor=cursor))

    assert [each.spec.id for each in (*first, *rest)] == [sets[2].id, sets[0].id]
    assert end is None


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        (evaluations.Room(evaluations=1, image_bytes=1000, own_image_bytes=1000), "busy"),
        (evaluations.Room(evaluations=9, image_bytes=79, own_image_bytes=79), "full"),
        (evaluations.Room(evaluations=9, image_bytes=80, own_image_bytes=80), "admitted"),
    ],
)
def test_there_is_room_for_so_many_and_no_more(
    evaluation: LabelledSet, room: evaluations.Room, expected: str
) -> None:
    other = LabelledSet(evaluation.life)
    asked = evaluations.admits("local", num_bytes=40, room=room, now=evaluation.life.now)

    assert evaluation.run(asked) == other.begin(room) == expected


def test_images_of_one_tenant_leave_room_for_another_s(life: Any) -> None:
    room = evaluations.Room(evaluations=9, image_bytes=120, own_image_bytes=60)
    acme = life.caller("acme")

    begun = [LabelledSet(life, caller=acme).begin(room) for _ in range(2)]

    assert begun == ["admitted", "full"]
    assert LabelledSet(life).begin(room) == "admitted"


def test_beginning_twice_changes_nothing(evaluation: LabelledSet) -> None:
    evaluation.place(0)
    before = evaluation.read()

    assert evaluation.begin() == "admitted"
    assert evaluation.read() == before
