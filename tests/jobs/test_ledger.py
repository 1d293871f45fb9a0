"""The store as the workers see it."""

from typing import Any

import pytest

from jobs import ledger, store
from jobs.record import Chunk, JobState
from smoothing.procedures import DrawMore
from smoothing.votes import Phase, Votes

pytestmark = pytest.mark.redis
ESTIMATION = DrawMore(phase=Phase.ESTIMATION, start=0, stop=100)


def extend(life: Any, job_id: str, step: int = 0, window: int = 100) -> Any:
    command = ledger.extend(
        job_id, step=step, request=ESTIMATION, planned=120, window=window, now=life.now
    )
    return life.run(command)


def bounds(chunks: Any) -> list[tuple[int, int]]:
    return [(chunk.start, chunk.stop) for chunk in chunks]


def test_admitting_starts_a_queued_job_and_hands_out_its_first_chunks(life: Any) -> None:
    job_id, chunks = life.started(chunk_size=8)

    assert bounds(chunks) == [(0, 8), (8, 16), (16, 20)]
    assert {chunk.phase for chunk in chunks} == {Phase.SELECTION}
    job = life.read(job_id)
    assert (job.state, job.started_at) == (JobState.RUNNING, life.now)
    assert life.admit() == ()


def test_no_more_than_a_window_is_handed_out(life: Any) -> None:
    _, chunks = life.started(window=2, chunk_size=5)

    following = life.commit(chunks[0], window=2).following

    assert bounds(chunks) == [(0, 5), (5, 10)]
    assert bounds(following) == [(10, 15)]


def test_a_commit_follows_the_window_as_it_narrows_and_widens(life: Any) -> None:
    _, chunks = life.started(window=2, chunk_size=2)

    narrowed = life.commit(chunks[0], window=1).following
    widened = life.commit(chunks[1], window=3).following

    assert narrowed == ()
    assert bounds(widened) == [(4, 6), (6, 8), (8, 10)]


def test_jobs_beyond_the_limit_wait_their_turn(life: Any) -> None:
    ids = [life.submit(life.spec(image={"tensor_sha256": f"{i:064}"})).job_id for i in range(3)]

    first = {chunk.job_id for chunk in life.admit(max_running=2)}
    life.run(store.cancel(ids[0], tenant="local", now=life.now))
    second = {chunk.job_id for chunk in life.admit(max_running=2)}

    assert (first, second) == (set(ids[:2]), {ids[2]})


def test_a_job_cancelled_while_queued_is_never_admitted(life: Any) -> None:
    job_id = life.submit().job_id
    life.run(store.cancel(job_id, tenant="local", now=life.now))

    assert life.admit() == ()


def test_votes_committed_twice_count_once_and_the_first_stay(life: Any) -> None:
    job_id, (chunk, *_) = life.started()
    first = life.commit(chunk, Votes(counts=(7, 3, 0)))

    second = life.commit(chunk, Votes(counts=(0, 0, 10)), worker="other")

    assert (first.outcome, second.outcome, second.following) == ("accepted", "duplicate", ())
    assert life.snapshot(job_id).chunks == {Phase.SELECTION: {0: (10, {"0": 7, "1": 3})}}
    assert life.read(job_id).progress.draws_done == 10


def test_invalid_rows_are_kept_apart(life: Any) -> None:
    job_id, (chunk, *_) = life.started()

    life.commit(chunk, Votes(counts=(9, 0, 0), invalid=1))

    assert life.snapshot(job_id).chunks[Phase.SELECTION][0] == (10, {"0": 9, "invalid": 1})


def test_chunks_may_be_committed_in_any_order(life: Any) -> None:
    job_id, (first, second) = life.started()

    outcomes = [life.commit(second), life.commit(first)]

    assert [outcome.complete for outcome in outcomes] == [False, True]
    assert sorted(life.snapshot(job_id).chunks[Phase.SELECTION]) == [0, 10]


@pytest.mark.parametrize(
    ("phase", "start", "stop"),
    [
        (Phase.SELECTION, 5, 15),
        (Phase.SELECTION, 0, 20),
        (Phase.SELECTION, 20, 30),
        (Phase.ESTIMATION, 0, 10),
    ],
)
def test_a_chunk_that_was_never_asked_for_is_refused(
    life: Any, phase: Phase, start: int, stop: int
) -> None:
    job_id, _ = life.started()
    chunk = Chunk(job_id=job_id, phase=phase, start=start, stop=stop)

    assert life.begin(chunk) == "refused"
    assert life.commit(chunk).outcome == "refused"
    assert life.snapshot(job_id).chunks == {}


def test_votes_that_are_not_as_many_as_the_draws_are_our_own_mistake(life: Any) -> None:
    _, (chunk, *_) = life.started()

    with pytest.raises(ValueError, match="10 draws need as many votes, got 9"):
        life.commit(chunk, Votes(counts=(9, 0, 0)))


def test_of_two_workers_one_gets_the_chunk(life: Any) -> None:
    life.worker("a"), life.worker("b")
    _, (chunk, *_) = life.started()

    assert (life.begin(chunk, "a"), life.begin(chunk, "b")) == ("granted", "leased")
    assert life.begin(chunk, "a") == "granted"


def test_a_committed_chunk_is_not_begun_again(life: Any) -> None:
    _, (chunk, *_) = life.started()
    life.commit(chunk)

    assert life.begin(chunk) == "committed"


def test_a_lease_held_too_long_by_a_live_worker_is_free_and_nobody_is_blamed(life: Any) -> None:
    life.worker("slow"), life.worker("b")
    _, (chunk, *_) = life.started()
    life.begin(chunk, "slow")
    life.now += ledger.LEASE_S

    assert life.begin(chunk, "b") == "granted"


def test_a_released_chunk_is_free_at_once(life: Any) -> None:
    life.worker("a"), life.worker("b")
    _, (chunk, *_) = life.started()
    life.begin(chunk, "a")

    life.release(chunk, "a", failed=False)

    assert life.begin(chunk, "b") == "granted"


def test_a_chunk_that_kills_three_workers_fails_its_job(life: Any) -> None:
    job_id, (chunk, *_) = life.started()
    life.begin(chunk, life.worker("first", alive=False))
    asked = [life.begin(chunk, "second")]
    for name in ("second", "third", "fourth"):
        asked.append(life.begin(chunk, life.worker(name), alone=True))
        life.die(name)

    job = life.read(job_id)

    assert asked == ["suspect", "granted", "granted", "gone"]
    assert (job.state, job.error.code) == (JobState.FAILED, "chunk_killed_workers")
    assert job.error.message == (
        "draws 0 to 9 of selection killed the worker that computed them 3 times"
    )


def test_a_chunk_that_shared_its_dead_workers_is_suspected_but_never_blamed(life: Any) -> None:
    job_id, (innocent, poison) = life.started()
    for name in ("a", "b", "c", "d"):
        life.worker(name)
        assert life.begin(innocent, name, alone=True) == "granted"
        life.begin(poison, name, alone=True)
        life.die(name)

    assert life.begin(innocent, "e") == "suspect"
    assert life.begin(innocent, "e", alone=True) == "granted"
    assert life.commit(innocent, worker="e").outcome == "accepted"
    assert life.read(job_id).state == JobState.RUNNING


def test_a_chunk_once_blamed_is_run_alone_even_when_given_back(life: Any) -> None:
    _, (chunk, *_) = life.started()
    life.begin(chunk, life.worker("a", alive=False))
    life.begin(chunk, life.worker("b"), alone=True)
    life.release(chunk, "b", failed=False)

    assert life.begin(chunk, "c") == "suspect"


def test_the_third_error_in_a_chunk_fails_its_job_without_a_traceback(life: Any) -> None:
    job_id, (chunk, *_) = life.started()
    failed = []
    for _ in range(3):
        life.begin(chunk)
        failed.append(life.release(chunk))

    job = life.read(job_id)

    assert failed == [False, False, True]
    assert job.error.code == "chunk_failed"
    assert job.error.message == "draws 0 of selection and after could not be computed in 3 tries"


def test_an_error_told_twice_counts_once(life: Any) -> None:
    job_id, (chunk, *_) = life.started()
    life.begin(chunk)

    for _ in range(5):
        life.release(chunk)

    assert life.read(job_id).state == JobState.RUNNING


def test_extending_needs_all_votes_and_the_right_step(life: Any) -> None:
    job_id, chunks = life.started()
    too_early = extend(life, job_id)
    for chunk in chunks:
        life.commit(chunk)

    done = [extend(life, job_id, step=1), extend(life, job_id), extend(life, job_id)]

    assert [too_early is None, *(more is None for more in done)] == [True, True, False, True]
    assert bounds(done[1])[0] == (0, 10)
    assert len(done[1]) == 10


def test_finishing_happens_once_and_only_with_all_votes(life: Any) -> None:
    job_id, chunks = life.started()

    def finish(step: int, radius: float) -> bool:
        document = {"radius": radius}
        return life.run(ledger.finish(job_id, step=step, document=document, now=life.now))

    too_early = finish(0, 0.1)
    for chunk in chunks:
        life.commit(chunk)

    assert [too_early, finish(1, 0.2), finish(0, 0.3), finish(0, 0.4)] == [
        False,
        False,
        True,
        False,
    ]
    assert life.read(job_id).certificate == {"radius": 0.3}


@pytest.mark.parametrize("step", ["begin", "commit"])
def test_a_chunk_past_the_deadline_is_neither_begun_nor_counted(life: Any, step: str) -> None:
    job_id, (chunk, *_) = life.started()
    life.now += 600

    outcome = life.begin(chunk) if step == "begin" else life.commit(chunk).outcome

    assert outcome == "gone"
    assert life.read(job_id).state == JobState.EXPIRED


def test_a_worker_learns_what_it_must_know_while_the_job_runs(life: Any) -> None:
    job_id = life.submit().job_id
    queued = life.run(ledger.load(job_id))
    life.admit()
    running = life.run(ledger.load(job_id))
    life.run(store.cancel(job_id, tenant="local", now=life.now))

    assert queued is life.run(ledger.load(job_id)) is None
    assert (running.spec.id, len(running.job_key), len(running.tensor)) == (job_id, 32, 768)
    assert life.snapshot(job_id) is None


def test_failing_a_job_ends_it_once(life: Any) -> None:
    job_id, _ = life.started()

    told = [
        life.run(ledger.fail(job_id, code=code, message="it is broken", now=life.now))
        for code in ("model_unavailable", "other")
    ]

    assert told == [True, False]
    assert life.read(job_id).error.code == "model_unavailable"
