"""Two tenants do anything in any order, beside a model that is easy to believe.

The model knows who asked what and which votes were accepted. From that follows what each tenant may
see, what it has spent, and, summed over the records, what the store's books must say.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from jobs import ledger, store
from jobs.advance import advance
from jobs.caller import Caller, Idempotency
from jobs.errors import JobGone, JobNotCancellable, JobNotFound
from jobs.record import JobSpec
from smoothing.certificate import Certificate
from smoothing.params import SmoothingParams

pytestmark = [pytest.mark.redis, pytest.mark.slow]

TENANTS = ("acme", "bolt")
QUOTA = {"live_jobs": 3, "draws_queued": 70, "draws_per_day": 200, "requests_per_minute": 12}
PARAMS = SmoothingParams(sigma=0.25, n0=8, n=20)
NEEDED = 28
MOST_STARTED = 2
NUMBERS = ("draws_planned", "draws_done", "start", "stop", "next", "request_done")
A_DAY = 86_400
tenants = st.sampled_from(TENANTS)
questions = st.integers(1, 4)


@dataclass
class _Books:
    """What one tenant has done."""

    sent: list[tuple[JobSpec, Any, str]] = field(default_factory=list)
    known: dict[str, str] = field(default_factory=dict)
    """Id -> "there" or "gone"."""
    keys: dict[str, tuple[str, str]] = field(default_factory=dict)
    asked_at: list[float] = field(default_factory=list)


def owed(record: dict[str, Any]) -> int:
    """Draws that a live job still needs."""
    return record["draws_planned"] - record["draws_done"]


class _Tenants(RuleBasedStateMachine):
    new_life: Callable[[], Any]

    @initialize()
    def start(self) -> None:
        self.life = type(self).new_life()
        self.books = {tenant: _Books() for tenant in TENANTS}
        self.days: dict[str, tuple[str, int]] = {}
        self.accepted: Counter[str] = Counter()
        self.sent: list[Any] = []

    def caller(self, tenant: str) -> Caller:
        return self.life.caller(tenant, **QUOTA)

    @rule(
        tenant=tenants,
        question=questions,
        key=st.sampled_from(["", "", "", "one", "two"]),
        priority=st.sampled_from(["interactive", "normal", "batch"]),
    )
    def submit(self, tenant: str, question: int, key: str, priority: Any) -> None:
        spec = self.life.other(
            question,
            tenant=tenant,
            priority=priority,
            params=PARAMS,
            chunk_size=7,
            deadline_at=self.life.now + 90,
        )
        name = Idempotency(key=key, payload_sha256=str(question)) if key else None
        told = self.life.submit(spec, caller=self.caller(tenant), idempotency=name)
        self.check_name(tenant, key, question, told)
        if told.outcome in ("created", "cached", "joined"):
            self.books[tenant].asked_at.append(self.life.now)
            self.books[tenant].sent.append((spec, name, told))
            self.books[tenant].known[told.job_id] = "there"
            if key:
                self.books[tenant].keys[key] = (str(question), told.job_id)
        if told.outcome == "created":
            self.days[spec.id] = (tenant, int(self.life.now // A_DAY))

    def check_name(self, tenant: str, key: str, question: int, told: Any) -> None:
        earlier = self.books[tenant].keys.get(key)
        if earlier is None:
            assert told.outcome not in ("replayed", "conflict")
        elif earlier[0] == str(question):
            assert (told.outcome, told.job_id) == ("replayed", earlier[1])
        else:
            assert told.outcome == "conflict"

    @rule(tenant=tenants)
    def send_the_last_one_again(self, tenant: str) -> None:
        sent = self.books[tenant].sent
        if sent:
            spec, name, told = sent[-1]
            before = self.life.run(store.usage(self.caller(tenant), now=self.life.now))
            again = self.life.submit(spec, caller=self.caller(tenant), idempotency=name)
            joined_long_ago = told.outcome == "joined" and name is None
            gone = self.books[tenant].known[told.job_id] == "gone"
            if not joined_long_ago and not (gone and name is None):
                assert (again.outcome, again.job_id) == (told.outcome, told.job_id)
                assert again.remaining == before

    @rule(window=st.integers(1, 4))
    def admit(self, window: int) -> None:
        self.sent += self.life.admit(window, max_running=MOST_STARTED)

    @rule(index=st.integers(0, 20), times=st.integers(1, 2))
    def commit(self, index: int, times: int) -> None:
        if not self.sent:
            return
        chunk = self.sent.pop(index % len(self.sent))
        for _ in range(times):
            done = self.life.commit(chunk, window=3, max_running=MOST_STARTED)
            self.accepted[chunk.job_id] += (done.outcome == "accepted") * (chunk.stop - chunk.start)
            self.sent += done.following
        snapshot = self.life.snapshot(chunk.job_id)
        if snapshot is not None and snapshot.complete:
            self.advance(snapshot)

    def advance(self, snapshot: Any) -> None:
        step, planned = advance(snapshot)
        asked = {"step": snapshot.step, "now": self.life.now}
        if isinstance(step, Certificate):
            document = {"counts": {"estimation": {"0": NEEDED}}}
            self.life.run(ledger.finish(snapshot.spec.id, document=document, **asked))
        else:
            asked |= {"request": step, "planned": planned}
            asked |= {"window": 3, "max_running": MOST_STARTED}
            self.sent += self.life.run(ledger.extend(snapshot.spec.id, **asked))

    @rule(tenant=tenants, index=st.integers(0, 20))
    def cancel(self, tenant: str, index: int) -> None:
        for job_id in self.some_id(index):
            known = self.books[tenant].known.get(job_id)
            try:
                self.life.run(store.cancel(job_id, tenant=tenant, now=self.life.now))
            except JobGone:
                assert known == "gone"
            except JobNotFound:
                assert known is None
            except JobNotCancellable:
                assert known == "there"
            else:
                assert known == "there"

    @rule(tenant=tenants, index=st.integers(0, 20))
    def delete(self, tenant: str, index: int) -> None:
        for job_id in self.some_id(index):
            known = self.books[tenant].known.get(job_id)
            try:
                self.life.run(store.delete(job_id, tenant=tenant, now=self.life.now))
            except JobGone:
                assert known == "gone"
            except JobNotFound:
                assert known is None
            else:
                assert known == "there"
                self.books[tenant].known[job_id] = "gone"

    def some_id(self, index: int) -> list[str]:
        everyone = [job_id for books in self.books.values() for job_id in books.known]
        return [everyone[index % len(everyone)]] if everyone else []

    @rule()
    def revive(self) -> None:
        self.sent += [chunk for one in self.life.revive() for chunk in one.chunks]

    @rule(seconds=st.sampled_from([0.5, 5.0, 40.0]))
    def wait(self, seconds: float) -> None:
        self.life.now += seconds

    def live(self) -> list[dict[str, Any]]:
        """The records of live jobs, as they lie in the store."""
        names = [name for name in self.life.all_keys() if name.startswith(b"dmae:job:")]
        found = []
        for name in (name for name in names if name.endswith(b"}")):
            record = self.life.client.hgetall(name)
            if record[b"state"] in (b"queued", b"running"):
                text = {key.decode(): value.decode() for key, value in record.items()}
                numbers = {key: int(text[key]) for key in NUMBERS}
                found.append({**text, **numbers, "id": name.decode()[len("dmae:job:{") : -1]})
        return found

    @invariant()
    def the_books_are_the_sum_of_the_records(self) -> None:
        if not hasattr(self, "life"):
            return
        live = self.live()
        running = [each for each in live if each["state"] == "running"]
        out = sum(each["next"] - each["start"] - each["request_done"] for each in running)
        assert self.counted("dmae:books:tiny", "out") in (None, out)
        assert self.counted("dmae:books:tiny", "draws") in (None, sum(map(owed, live)))
        for tenant in TENANTS:
            mine = [each for each in live if each["tenant"] == tenant]
            account = self.counted(f"dmae:account:{tenant}", "draws")
            assert account in (None, sum(map(owed, mine)))
            assert self.life.client.zcard(f"dmae:busy:{tenant}") == len(mine)
            assert len(mine) <= QUOTA["live_jobs"]
            assert sum(map(owed, mine)) <= QUOTA["draws_queued"]

    def counted(self, books: str, name: str) -> int | None:
        counted_at, draws = self.life.client.hmget(books, "counted_at", name)
        return None if counted_at is None else int(draws)

    @invariant()
    def what_is_spent_was_drawn_or_will_be(self) -> None:
        if not hasattr(self, "life"):
            return
        spent: Counter[tuple[str, int]] = Counter()
        for job_id, owner_and_day in self.days.items():
            spent[owner_and_day] += self.accepted[job_id]
        for each in self.live():
            spent[self.days[each["id"]]] += owed(each)
        assert all(draws <= QUOTA["draws_per_day"] for draws in spent.values())
        for (tenant, day), draws in spent.items():
            assert int(self.life.client.get(f"dmae:spent:{tenant}:{day}")) == draws

    @invariant()
    def nobody_asks_more_often_than_allowed(self) -> None:
        for books in getattr(self, "books", {}).values():
            latest = [when for when in books.asked_at if when > self.life.now - 60]
            assert len(latest) <= 2 * QUOTA["requests_per_minute"]

    @invariant()
    def each_tenant_sees_its_own_jobs_and_no_others(self) -> None:
        if not hasattr(self, "life"):
            return
        for tenant in TENANTS:
            mine = self.books[tenant].known
            theirs = {job_id for books in self.books.values() for job_id in books.known} - set(mine)
            page = self.life.run(store.list_jobs(tenant, now=self.life.now, limit=100))
            there = {job_id for job_id, state in mine.items() if state == "there"}
            assert {job.spec.id for job in page.jobs} == there
            assert all(self.life.read(job_id, tenant) is None for job_id in theirs)
            assert all(job.spec.tenant == tenant for job in page.jobs)

    @invariant()
    def whoever_waits_has_a_place(self) -> None:
        if not hasattr(self, "life"):
            return
        client = self.life.client
        for each in self.live():
            flow = f"tiny:{each['tenant']}:{each['priority']}"
            running = each["state"] == "running"
            ready = running and each["next"] < each["stop"]
            assert (client.zscore(f"dmae:queue:{flow}", each["id"]) is None) == running
            assert client.sismember(f"dmae:started:{flow}", each["id"]) == running
            assert (client.zscore(f"dmae:ready:{flow}", each["id"]) is not None) == ready
            if ready or (client.scard(f"dmae:started:{flow}") < MOST_STARTED and not running):
                line = f"dmae:line_of:tiny:{each['tenant']}"
                assert client.zscore(line, each["priority"]) is not None
                assert client.zscore("dmae:line:tiny", each["tenant"]) is not None

    @invariant()
    def every_key_expires(self) -> None:
        if hasattr(self, "life"):
            assert all(self.life.client.ttl(key) > 0 for key in self.life.all_keys())


@pytest.fixture
def quick() -> settings:
    """Enough examples to matter, few enough for every run."""
    return settings(
        max_examples=30,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def test_two_tenants_in_any_order_of_events(new_life: Any, quick: settings) -> None:
    machine = type("Tenants", (_Tenants,), {"new_life": staticmethod(new_life)})

    run_state_machine_as_test(machine, settings=quick)
