"""The whole life of jobs, in any order of events, against a model that is easy to believe."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from jobs import ledger, store
from jobs.advance import advance
from jobs.errors import JobNotCancellable, JobNotFound
from jobs.outcomes import Snapshot
from jobs.record import Chunk, JobState
from smoothing.certificate import Certificate
from smoothing.params import SmoothingParams
from smoothing.votes import Phase, Votes

pytestmark = [pytest.mark.redis, pytest.mark.slow]
WORKERS = ("a", "b", "c")


def drawn(chunk: Chunk) -> Votes:
    """What drawing a chunk gives, whoever draws it: a function of its address."""
    draws = chunk.stop - chunk.start
    second = (chunk.start // 4) % (draws + 1) if chunk.phase is Phase.ESTIMATION else 0
    return Votes(counts=(draws - second, second, 0))


class _Jobs(RuleBasedStateMachine):
    """Jobs through the store, beside what is expected of them."""

    new_life: Callable[[], Any]

    jobs = Bundle("jobs")
    chunks = Bundle("chunks")
    begun = Bundle("begun")

    @initialize()
    def start(self) -> None:
        self.life = type(self).new_life()
        self.committed: dict[str, set[tuple[str, int]]] = {}
        self.counted: dict[str, int] = {}
        self.ended: dict[str, tuple[JobState, Any]] = {}
        for name in WORKERS:
            self.life.worker(name)

    @rule(target=jobs, sigma=st.sampled_from([0.25, 0.5]), chunk=st.sampled_from([4, 7]))
    def submit(self, sigma: float, chunk: int) -> Any:
        params = SmoothingParams(sigma=sigma, n0=8, n=20)
        spec = self.life.spec(
            params=params,
            chunk_size=chunk,
            deadline_at=self.life.now + 40,
            created_at=self.life.now,
        )
        submitted = self.life.submit(spec, max_backlog_jobs=3)
        if submitted.job_id is None:
            return multiple()
        if submitted.outcome == "created":
            self.committed[spec.id], self.counted[spec.id] = set(), 0
        if submitted.outcome == "joined":
            assert submitted.job_id not in self.ended
        if submitted.outcome == "cached":
            self.committed[submitted.job_id] = set()
            self.counted[submitted.job_id] = 28
        return submitted.job_id

    @rule(target=chunks, window=st.integers(1, 4))
    def admit(self, window: int) -> Any:
        return multiple(*self.life.admit(window, max_running=2))

    @rule(target=begun, chunk=chunks, worker=st.sampled_from(WORKERS), alone=st.booleans())
    def begin(self, chunk: Chunk, worker: str, alone: bool) -> Any:
        self.life.worker(worker)
        outcome = self.life.begin(chunk, worker, alone=alone)
        return (chunk, worker) if outcome == "granted" else multiple()

    @rule(target=chunks, work=begun)
    def commit(self, work: tuple[Chunk, str]) -> Any:
        return multiple(*self.commit_votes(*work))

    def commit_votes(self, chunk: Chunk, worker: str) -> tuple[Chunk, ...]:
        address = (chunk.phase.value, chunk.start)
        result = self.life.commit(chunk, drawn(chunk), worker, window=2)
        known = self.committed.get(chunk.job_id, set())
        if result.outcome == "accepted":
            assert address not in known
            known.add(address)
            self.counted[chunk.job_id] += chunk.stop - chunk.start
        else:
            assert result.outcome in ("duplicate", "gone")
            assert result.following == ()
        return result.following

    @rule(job_id=jobs)
    def run_to_the_end(self, job_id: str) -> None:
        self.life.admit(4, max_running=3)
        while (snapshot := self.life.snapshot(job_id)) is not None:
            if snapshot.complete:
                self.advance_from(snapshot)
                continue
            self.life.now += 0.01
            # Wide enough for the chunks that nobody computes: they keep their place.
            self.life.admit(1000, max_running=1000)
            job = self.life.client.hmget(
                f"dmae:job:{{{job_id}}}", "phase", "start", "stop", "next", "chunk"
            )
            phase, (start, stop, following, size) = Phase(job[0].decode()), map(int, job[1:])
            for low in range(start, following, size):
                chunk = Chunk(job_id=job_id, phase=phase, start=low, stop=min(low + size, stop))
                self.commit_votes(chunk, "a")

    @rule(work=consumes(begun))
    def raise_an_error(self, work: tuple[Chunk, str]) -> None:
        self.life.release(*work)

    @rule(worker=st.sampled_from(WORKERS))
    def kill(self, worker: str) -> None:
        self.life.die(worker)

    @rule(target=chunks, job_id=jobs)
    def advance(self, job_id: str) -> Any:
        snapshot = self.life.snapshot(job_id)
        if snapshot is None or not snapshot.complete:
            return multiple()
        return multiple(*self.advance_from(snapshot))

    def advance_from(self, snapshot: Snapshot) -> tuple[Chunk, ...]:
        job_id = snapshot.spec.id
        step, planned = advance(snapshot)
        if isinstance(step, Certificate):
            assert step.tally[Phase.SELECTION].total == 8
            assert step.tally[Phase.ESTIMATION].total == 20
            counts = {phase.value: votes.sparse() for phase, votes in step.tally.items()}
            document = {"counts": counts}
            command = ledger.finish(
                job_id, step=snapshot.step, document=document, now=self.life.now
            )
            assert self.life.run(command)
            assert not self.life.run(command)
            return ()
        command = ledger.extend(
            job_id,
            step=snapshot.step,
            request=step,
            planned=planned,
            window=2,
            now=self.life.now,
        )
        handed_out = self.life.run(command)
        assert self.life.run(command) is None
        return handed_out

    @rule(target=chunks)
    def revive(self) -> Any:
        revived = self.life.revive(window=2)
        return multiple(*(chunk for one in revived for chunk in one.chunks))

    @rule(seconds=st.sampled_from([1.0, 5.0, 30.0]))
    def wait(self, seconds: float) -> None:
        self.life.now += seconds

    @rule(job_id=jobs)
    def cancel(self, job_id: str) -> None:
        before = self.ended.get(job_id, (None, None))[0]
        try:
            self.life.run(store.cancel(job_id, tenant="local", now=self.life.now))
        except JobNotCancellable:
            assert before is not JobState.CANCELLED
        except JobNotFound:
            assert job_id not in self.committed
        else:
            assert before in (None, JobState.CANCELLED)

    @rule(job_id=consumes(jobs))
    def delete(self, job_id: str) -> None:
        try:
            self.life.run(store.delete(job_id, tenant="local", now=self.life.now))
        except JobNotFound:
            assert job_id not in self.committed
        self.committed.pop(job_id, None)
        self.counted.pop(job_id, None)
        self.ended.pop(job_id, None)

    @invariant()
    def every_job_is_as_expected(self) -> None:
        for job_id, chunks in getattr(self, "committed", {}).items():
            job = self.life.read(job_id)
            self.check_end(job_id, job)
            assert job.progress.draws_done == self.counted[job_id]
            if job.state is JobState.SUCCEEDED and not job.cached:
                assert self.counted[job_id] == 28
            if not job.cached:
                assert sum(1 for _ in chunks) <= job.progress.draws_planned

    def check_end(self, job_id: str, job: Any) -> None:
        if not job.state.terminal:
            assert job_id not in self.ended
            return
        assert self.ended.setdefault(job_id, (job.state, job.certificate)) == (
            job.state,
            job.certificate,
        )
        assert (job.certificate is not None) == (job.state is JobState.SUCCEEDED)

    @invariant()
    def the_books_balance(self) -> None:
        if not hasattr(self, "life"):
            return
        live = [job_id for job_id in self.committed if job_id not in self.ended]
        backlog = self.life.run(store.backlog(self.life.model, now=self.life.now))
        assert backlog.jobs == len(live)
        assert backlog.draws == sum(28 - self.counted[job_id] for job_id in live)

    @invariant()
    def the_cache_holds_finished_certificates_only(self) -> None:
        if not hasattr(self, "life"):
            return
        cached = [key for key in self.life.all_keys() if b":certificate:" in key]
        assert all(b"counts" in self.life.client.get(key) for key in cached)
        assert all(self.life.client.ttl(key) > 0 for key in self.life.all_keys())


@pytest.fixture
def quick() -> settings:
    """Enough examples to matter, few enough for every run."""
    return settings(
        max_examples=60,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def test_any_order_of_events_keeps_the_promises(new_life: Any, quick: settings) -> None:
    machine = type("Jobs", (_Jobs,), {"new_life": staticmethod(new_life)})

    run_state_machine_as_test(machine, settings=quick)
