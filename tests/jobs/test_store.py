"""The store as the web process sees it."""

from typing import Any

import pytest

from jobs import keys, ledger, store
from jobs.errors import JobGone, JobNotCancellable, JobNotFound
from jobs.record import JobState
from smoothing.params import SmoothingParams
from smoothing.procedures import DrawMore
from smoothing.votes import Phase

pytestmark = pytest.mark.redis
DOCUMENT = {"verdict": "certified", "radius": 0.5}


def finish(life: Any, job_id: str, chunks: Any) -> None:
    for chunk in chunks:
        life.commit(chunk)
    request = DrawMore(phase=Phase.ESTIMATION, start=0, stop=100)
    more = life.run(
        ledger.extend(job_id, step=0, request=request, planned=120, window=100, now=life.now)
    )
    for chunk in more:
        life.commit(chunk)
    assert life.run(ledger.finish(job_id, step=1, document=DOCUMENT, now=life.now))


def test_a_submitted_job_is_read_back_as_asked(life: Any) -> None:
    spec = life.spec()

    submitted = life.submit(spec)

    job = life.read(submitted.job_id)
    assert (submitted.outcome, submitted.backlog_draws) == ("created", 120)
    assert job.spec == spec
    assert (job.state, job.progress.draws_done, job.progress.draws_planned) == ("queued", 0, 120)
    assert job.certificate is job.error is job.started_at is job.finished_at is None


def test_nobody_knows_an_unknown_job(life: Any) -> None:
    assert life.read("no-such-job") is None
    assert life.run(store.version("no-such-job", tenant="local")) is None
    with pytest.raises(JobNotFound):
        life.run(store.cancel("no-such-job", tenant="local", now=life.now))
    with pytest.raises(JobNotFound):
        life.run(store.delete("no-such-job", tenant="local", now=life.now))


def test_submitting_again_after_a_lost_answer_changes_nothing(life: Any) -> None:
    spec = life.spec()
    life.submit(spec)

    again = life.submit(spec)

    assert (again.outcome, again.job_id) == ("created", spec.id)
    assert life.run(store.backlog(life.model, now=life.now)).jobs == 1
    assert len({chunk.job_id for chunk in life.admit()}) == 1


def test_an_identical_request_joins_the_job_in_flight(life: Any) -> None:
    first = life.submit()

    second = life.submit()

    assert (second.outcome, second.job_id) == ("joined", first.job_id)


def test_another_upload_of_the_same_tensor_gets_its_own_job_and_the_same_dice(life: Any) -> None:
    one, other = life.spec(), life.spec(image={"upload_sha256": "99" * 32})
    life.submit(one)

    assert life.submit(other).outcome == "created"
    assert one.request_digest == other.request_digest


def test_a_request_does_not_join_a_job_that_ended_or_is_past_its_deadline(life: Any) -> None:
    first = life.submit().job_id
    life.run(store.cancel(first, tenant="local", now=life.now))
    second = life.submit()
    life.now += 700
    third = life.submit(life.spec(deadline_at=life.now + 600))

    assert (second.outcome, third.outcome) == ("created", "created")
    assert life.read(second.job_id).state == JobState.EXPIRED


def test_a_finished_certificate_is_served_from_the_cache_under_a_new_id(life: Any) -> None:
    job_id, chunks = life.started()
    finish(life, job_id, chunks)

    again = life.submit()

    job = life.read(again.job_id)
    assert again.outcome == "cached"
    assert again.job_id != job_id
    assert (job.state, job.cached, job.certificate) == ("succeeded", True, DOCUMENT)
    assert life.read(job_id).cached is False


def test_a_cached_certificate_is_told_again_after_a_lost_answer(life: Any) -> None:
    finish(life, *life.started())
    spec = life.spec()
    life.submit(spec)

    assert life.submit(spec).outcome == "cached"


def test_a_full_backlog_refuses_and_leaves_no_trace(life: Any) -> None:
    life.submit()
    spec = life.spec(params=SmoothingParams(sigma=0.5, n0=20, n=100))

    by_draws = life.submit(spec, max_backlog_draws=239)
    by_jobs = life.submit(spec, max_backlog_jobs=1)

    assert (by_draws.outcome, by_draws.job_id, by_draws.backlog_draws) == ("full", None, 120)
    assert by_jobs.outcome == "full"
    assert life.read(spec.id) is None


def test_a_joined_or_cached_request_is_never_refused(life: Any) -> None:
    job_id, chunks = life.started()
    joined = life.submit(max_backlog_draws=1)
    finish(life, job_id, chunks)

    assert joined.outcome == "joined"
    assert life.submit(max_backlog_draws=1).outcome == "cached"


def test_the_backlog_shrinks_with_each_commit_and_is_empty_at_the_end(life: Any) -> None:
    job_id, chunks = life.started()
    life.commit(chunks[0])
    after_one = life.run(store.backlog(life.model, now=life.now))
    life.run(store.cancel(job_id, tenant="local", now=life.now))
    life.run(store.cancel(job_id, tenant="local", now=life.now))

    after_cancel = life.run(store.backlog(life.model, now=life.now))

    assert (after_one.draws, after_one.jobs) == (110, 1)
    assert (after_cancel.draws, after_cancel.jobs) == (0, 0)


def test_jobs_past_their_deadline_do_not_fill_the_backlog(life: Any) -> None:
    life.submit()
    life.now += 601

    assert life.run(store.backlog(life.model, now=life.now)).draws == 0


def test_cancelling_twice_is_cancelling_once(life: Any) -> None:
    job_id = life.submit().job_id
    life.run(store.cancel(job_id, tenant="local", now=life.now))
    version = life.run(store.version(job_id, tenant="local"))

    life.run(store.cancel(job_id, tenant="local", now=life.now))

    assert life.read(job_id).state == JobState.CANCELLED
    assert life.run(store.version(job_id, tenant="local")) == version


def test_an_ended_job_cannot_be_cancelled(life: Any) -> None:
    job_id, chunks = life.started()
    finish(life, job_id, chunks)

    with pytest.raises(JobNotCancellable, match="succeeded"):
        life.run(store.cancel(job_id, tenant="local", now=life.now))


def test_a_job_past_its_deadline_expires_when_read_though_no_worker_lives(life: Any) -> None:
    job_id = life.submit().job_id
    life.now += 600

    job = life.read(job_id)

    assert (job.state, job.finished_at) == (JobState.EXPIRED, life.now)
    with pytest.raises(JobNotCancellable, match="expired"):
        life.run(store.cancel(job_id, tenant="local", now=life.now))


def test_deleting_a_running_job_erases_all_of_it_but_its_id(life: Any) -> None:
    job_id, chunks = life.started()
    life.begin(chunks[0])
    life.commit(chunks[1])

    life.run(store.delete(job_id, tenant="local", now=life.now))

    left = [key for key in life.all_keys() if job_id.encode() in key]
    assert left == [f"dmae:gone:{job_id}".encode()]
    assert life.client.get(left[0]) == b"1"
    with pytest.raises(JobGone):
        life.read(job_id)
    assert life.begin(chunks[0]) == life.commit(chunks[0]).outcome == "gone"
    assert [key for key in life.all_keys() if job_id.encode() in key] == left


def test_the_tensor_can_be_read_back_until_the_job_is_deleted(life: Any) -> None:
    job_id = life.submit().job_id
    before = life.run(store.tensor(job_id, tenant="local"))
    life.run(store.delete(job_id, tenant="local", now=life.now))

    assert len(before) == 4 * 3 * 8 * 8
    assert life.run(store.tensor(job_id, tenant="local")) is None


def test_progress_tells_speed_and_time_left(life: Any) -> None:
    job_id, chunks = life.started()
    life.now += 2
    life.commit(chunks[0])
    life.now += 1

    progress = life.read(job_id).progress

    assert (progress.draws_done, progress.draws_planned, progress.phase) == (10, 120, "selection")
    assert progress.draws_per_s == pytest.approx(5)
    assert progress.eta_s == pytest.approx(110 / 5 - 1)


def test_the_version_grows_with_every_visible_change(life: Any) -> None:
    job_id = life.submit().job_id
    versions = [life.run(store.version(job_id, tenant="local"))]
    (chunk, *_) = life.admit()
    versions.append(life.run(store.version(job_id, tenant="local")))
    life.commit(chunk)
    versions.append(life.run(store.version(job_id, tenant="local")))
    life.commit(chunk)
    versions.append(life.run(store.version(job_id, tenant="local")))
    life.run(store.cancel(job_id, tenant="local", now=life.now))
    versions.append(life.run(store.version(job_id, tenant="local")))

    assert versions == [1, 2, 3, 3, 4]


def test_the_first_secret_is_kept(life: Any) -> None:
    first = life.run(store.server_secret(b"a" * 32))

    assert life.run(store.server_secret(b"b" * 32)) == first == b"a" * 32


def test_only_live_workers_are_listed(life: Any) -> None:
    life.worker("one")
    life.worker("two", alive=False)
    life.worker("three")
    life.run(ledger.leave("three"))

    assert [info.instance for info in life.run(store.workers())] == ["one"]


def test_a_worker_of_another_version_does_not_hide_the_others(life: Any) -> None:
    life.worker("one")
    life.client.sadd("dmae:workers", "two")
    life.client.set("dmae:worker:two", '{"version": 99}')

    assert [info.instance for info in life.run(store.workers())] == ["one"]


def test_no_json_holds_the_job_key(life: Any) -> None:
    spec = life.spec()
    key = keys.job_key(b"s" * 32, spec.request_digest)
    life.submit(spec)

    stored = life.client.hgetall(f"dmae:job:{{{spec.id}}}")

    assert [name for name, value in stored.items() if key.hex().encode() in value] == [b"key"]
    assert key.hex() not in repr(life.read(spec.id))
