"""A set of jobs under one record: nothing twice, nothing lost, one round trip to read."""

from dataclasses import replace
from typing import Any

import pytest

from jobs import evaluations, keys, ledger, store
from jobs.caller import LOCAL
from jobs.errors import EvaluationGone, EvaluationNotCancellable, EvaluationNotFound, JobGone
from jobs.evaluation_record import EvaluationSpec, EvaluationState, Item, ItemError
from smoothing.certificate import SmoothingParams

pytestmark = pytest.mark.redis

ROOM = evaluations.Room(evaluations=2, image_bytes=100)
BAD = Item(name="b.txt", label=1, error=ItemError(code="unreadable-image", message="no image"))
ITEMS = (Item(name="a.png", label=0), BAD, Item(name="c.png", label=2))
DOCUMENT = {
    "verdict": "certified",
    "predicted": {"index": 2, "label": "ship"},
    "radius": 0.123456,
    "duration_s": 1.5,
    "counts": {},
}


class _Set:
    """An evaluation of two images and one that is none."""

    def __init__(self, life: Any, **changes: Any) -> None:
        self.life, self.run = life, life.run
        self.spec = EvaluationSpec(
            id=keys.new_job_id(),
            name="mine",
            caller=changes.pop("caller", LOCAL),
            model=life.spec().model,
            params=SmoothingParams(sigma=0.25, n0=20, n=100),
            draws_each=120,
            created_at=life.now,
            deadline_at=life.now + 3600,
        )
        self.id, self.tenant = self.spec.id, self.spec.caller.tenant

    def begin(self, room: evaluations.Room = ROOM) -> str:
        for index in (0, 2):
            self.run(evaluations.upload("uploads", index, b"x" * 20, now=self.life.now))
        return self.run(
            evaluations.create(
                self.spec,
                ITEMS,
                upload_id="uploads",
                num_bytes=40,
                room=room,
                now=self.life.now,
            )
        )

    def take(self, claimer: str = "me", *, window: int = 10, most: int = 10) -> Any:
        command = evaluations.take(
            self.id, claimer=claimer, window=window, most=most, now=self.life.now
        )
        turn = self.run(command)
        return None if turn is None else turn.indices

    def place(self, index: int, *, own: bool = True) -> str:
        job_id = evaluations.child_id(self.id, index)
        spec = self.life.spec(
            id=job_id, tenant=self.tenant, image={"tensor_sha256": f"{index:064x}"}
        )
        self.life.submit(spec, caller=self.spec.caller)
        self.placed(index, job_id, own=own)
        return job_id

    def placed(self, index: int, job_id: str, *, own: bool = True) -> bool:
        return self.run(
            evaluations.placed(self.id, index, job_id=job_id, own=own, now=self.life.now)
        )

    def read(self, tenant: str | None = None, *, items: bool = True) -> Any:
        tenant = tenant or self.tenant
        return self.run(evaluations.read(self.id, tenant=tenant, now=self.life.now, items=items))

    def cancel(self) -> None:
        self.run(evaluations.cancel(self.id, tenant=self.tenant, now=self.life.now))

    def delete(self) -> None:
        self.run(evaluations.delete(self.id, tenant=self.tenant, now=self.life.now))

    def finish(self, job_id: str) -> None:
        for chunk in self.life.admit():
            self.life.commit(chunk)
        self.run(ledger.finish(job_id, step=0, document=DOCUMENT, now=self.life.now))


@pytest.fixture
def evaluation(life: Any) -> _Set:
    """An evaluation that has begun."""
    made = _Set(life)
    assert made.begin() == "admitted"
    return made


def test_it_begins_with_what_is_wrong_already_ended(evaluation: _Set) -> None:
    read = evaluation.read()

    assert read.state is EvaluationState.QUEUED
    assert (read.num_items, read.num_ended, read.num_pending) == (3, 1, 2)
    assert read.items == (*ITEMS[:1], replace(BAD, error=None), *ITEMS[2:])
    assert read.results[1].error == BAD.error
    assert (read.draws_done, read.draws_planned) == (0, 240)


def test_one_that_is_there_is_begun_again_by_the_same_payload_alone(life: Any) -> None:
    made = _Set(life)
    mine, others = (replace(made.spec, payload_sha256=each * 32) for each in ("11", "22"))
    told = []
    for made.spec in (mine, mine, others):
        told.append(made.begin())

    assert told == ["admitted", "admitted", "conflict"]
    assert made.read().spec == mine


def test_pictures_of_one_that_was_there_already_are_not_kept_twice(evaluation: _Set) -> None:
    evaluation.begin()

    assert not evaluation.life.client.exists("dmae:evaluation:{uploads}:images")


def test_each_image_is_taken_in_order_and_placed_once(evaluation: _Set) -> None:
    assert evaluation.take(most=1) == (0,)
    job_id = evaluation.place(0)
    evaluation.placed(0, "another")

    assert evaluation.take() == (2,)
    assert [child.job_id for child in evaluation.read().children] == [job_id]


def test_a_submission_that_died_half_way_goes_on_elsewhere(evaluation: _Set) -> None:
    evaluation.take("dead")
    job_id = evaluation.place(0)

    assert evaluation.take("other") is None
    evaluation.life.now += 11
    assert evaluation.take("other") == (2,)
    assert evaluation.place(0) == job_id
    assert len(evaluation.read().children) == 1


def test_whoever_took_lets_others_take_when_done(evaluation: _Set) -> None:
    evaluation.take("me")
    evaluation.run(evaluations.let_go(evaluation.id, claimer="me", now=evaluation.life.now))

    assert evaluation.take("other") == (0, 2)


def test_no_more_jobs_are_live_than_its_window(evaluation: _Set) -> None:
    assert evaluation.take(window=1) == (0,)
    evaluation.place(0)

    assert evaluation.take(window=1) is None


def test_how_jobs_ended_is_kept_when_they_are_forgotten(evaluation: _Set) -> None:
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


def test_images_are_kept_only_until_they_are_submitted(evaluation: _Set) -> None:
    key = f"dmae:evaluation:{{{evaluation.id}}}:images"
    assert evaluation.run(evaluations.image(evaluation.id, 0)) == b"x" * 20

    evaluation.place(0)

    assert evaluation.life.client.hkeys(key) == [b"2"]
    evaluation.cancel()
    assert not evaluation.life.client.exists(key)


def test_every_key_expires(evaluation: _Set) -> None:
    evaluation.place(0)
    client = evaluation.life.client
    names = [name for name in client.scan_iter() if name != b"dmae:evaluations:live"]

    assert all(client.ttl(name) > 0 for name in names)

    evaluation.cancel()
    assert not client.exists("dmae:evaluations:live")
    assert all(client.ttl(name) > 0 for name in client.scan_iter())


def test_the_version_grows_with_every_change_of_a_job(evaluation: _Set) -> None:
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


def test_draws_of_live_and_ended_jobs_are_counted_together(evaluation: _Set) -> None:
    evaluation.place(0)
    chunks = evaluation.life.admit()
    evaluation.life.commit(chunks[0])

    read = evaluation.read(items=False)

    assert read.state is EvaluationState.RUNNING
    assert (read.draws_done, read.draws_planned) == (10, 240)


def test_without_any_certificate_it_has_failed(evaluation: _Set) -> None:
    for index in (0, 2):
        error = ItemError(code="unreadable-image", message="damaged")
        evaluation.run(
            evaluations.refused(evaluation.id, index, error=error, now=evaluation.life.now)
        )

    read = evaluation.read()

    assert read.state is EvaluationState.FAILED
    assert [result.error for _, result in sorted(read.results.items())] == [error, BAD.error, error]


def test_cancelling_stops_its_jobs_and_is_idempotent(evaluation: _Set) -> None:
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


def test_cancelling_leaves_jobs_alone_that_others_asked_for(evaluation: _Set) -> None:
    job_id = evaluation.place(0, own=False)

    evaluation.cancel()

    assert evaluation.life.read(job_id).state == "queued"
    assert evaluation.read().results[0].state == "cancelled"


def test_what_has_ended_cannot_be_cancelled(evaluation: _Set) -> None:
    for index in (0, 2):
        evaluation.finish(evaluation.place(index))

    with pytest.raises(EvaluationNotCancellable, match="succeeded"):
        evaluation.cancel()


def test_at_its_deadline_all_that_is_left_expires(evaluation: _Set) -> None:
    evaluation.finish(evaluation.place(0))
    evaluation.life.now += 3600

    read = evaluation.read()

    assert read.state is EvaluationState.EXPIRED
    assert (read.results[0].state, read.results[2].state) == ("succeeded", "expired")


def test_deleting_erases_its_jobs_too_and_leaves_that_it_was(evaluation: _Set) -> None:
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


def test_a_job_that_was_deleted_is_said_to_be(evaluation: _Set) -> None:
    job_id = evaluation.place(0)
    evaluation.run(store.delete(job_id, tenant="local", now=evaluation.life.now))

    assert evaluation.read().results[0].state == "deleted"


def test_to_another_tenant_it_does_not_exist(evaluation: _Set) -> None:
    with pytest.raises(EvaluationNotFound) as caught:
        evaluation.read("other")

    assert not isinstance(caught.value, EvaluationGone)
    page, cursor = evaluation.run(evaluations.list_evaluations("other", now=evaluation.life.now))
    assert (page, cursor) == ((), None)


def test_pages_go_from_the_newest_to_the_oldest(life: Any) -> None:
    sets = []
    for _ in range(3):
        sets.append(_Set(life))
        sets[-1].begin(evaluations.Room(evaluations=9, image_bytes=1000))
        life.now += 1
    sets[1].delete()

    first, cursor = life.run(evaluations.list_evaluations("local", now=life.now, limit=1))
    rest, end = life.run(evaluations.list_evaluations("local", now=life.now, cursor=cursor))

    assert [each.spec.id for each in (*first, *rest)] == [sets[2].id, sets[0].id]
    assert end is None


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        (evaluations.Room(evaluations=1, image_bytes=1000), "busy"),
        (evaluations.Room(evaluations=9, image_bytes=79), "full"),
        (evaluations.Room(evaluations=9, image_bytes=80), "admitted"),
    ],
)
def test_there_is_room_for_so_many_and_no_more(
    evaluation: _Set, room: evaluations.Room, expected: str
) -> None:
    other = _Set(evaluation.life)
    asked = evaluations.admits("local", num_bytes=40, room=room, now=evaluation.life.now)

    assert evaluation.run(asked) == other.begin(room) == expected


def test_beginning_twice_changes_nothing(evaluation: _Set) -> None:
    evaluation.place(0)
    before = evaluation.read()

    assert evaluation.begin() == "admitted"
    assert evaluation.read() == before
