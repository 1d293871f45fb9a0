"""Whose turn it is: tenants by their weights, a tenant's own jobs by their urgency, in draws.

The workers of these tests take messages in the order in which they were sent, and speak the real
protocol; time is told by the draws that they made.
"""

from collections import Counter, deque
from collections.abc import Callable
from typing import Any

import pytest

from jobs import ledger
from jobs.advance import advance
from jobs.record import Chunk
from smoothing.certificate import Certificate
from smoothing.params import SmoothingParams

pytestmark = pytest.mark.redis

WINDOW = 3
CHUNK = 10
SHORTLY = 3 * WINDOW * CHUNK
"""Draws that may pass because of what is under way: when a job comes, and at the end of each of its
two requests, while it has nothing to hand out."""


class _Floor:
    """Where the draws are made, one after another."""

    def __init__(self, life: Any) -> None:
        self.life = life
        self.sent: deque[Chunk] = deque()
        self.made: Counter[str] = Counter()
        self.ended: dict[str, int] = {}

    @property
    def draws(self) -> int:
        return self.made.total()

    def submit(self, tenant: str, number: int, *, weight: float = 1, **changes: Any) -> str:
        caller = self.life.caller(tenant, weight=weight)
        params = SmoothingParams(sigma=0.25, n0=20, n=changes.pop("n", 100))
        spec = self.life.other(number, tenant=tenant, params=params, **changes)
        assert self.life.submit(spec, caller=caller).outcome == "created"
        return spec.id

    def work(self, *, until: Callable[[], bool]) -> None:
        while not until():
            if not self.sent:
                self.sent += self.life.admit(WINDOW)
            chunk = self.sent.popleft()
            self.life.now += 0.001
            done = self.life.commit(chunk, window=WINDOW)
            assert done.outcome == "accepted"
            self.made[chunk.job_id] += chunk.stop - chunk.start
            self.sent += done.following
            if done.complete:
                self._advance(chunk.job_id)

    def _advance(self, job_id: str) -> None:
        snapshot = self.life.snapshot(job_id)
        step, planned = advance(snapshot)
        asked = {"step": snapshot.step, "now": self.life.now}
        if isinstance(step, Certificate):
            self.life.run(ledger.finish(job_id, document={"counts": {}}, **asked))
            self.ended[job_id] = self.draws
        else:
            asked |= {"request": step, "planned": planned, "window": WINDOW}
            self.sent += self.life.run(ledger.extend(job_id, **asked))


@pytest.fixture
def floor(life: Any) -> _Floor:
    """Workers in an empty store."""
    return _Floor(life)


def test_one_job_is_not_delayed_by_the_hundreds_of_another_tenant(floor: _Floor) -> None:
    for number in range(500):
        floor.submit("many", number)
    floor.work(until=lambda: floor.draws >= 2_000)
    began = floor.draws

    one = floor.submit("one", 0)
    floor.work(until=lambda: one in floor.ended)

    assert floor.ended[one] - began <= 2 * 120 + SHORTLY


def test_the_last_of_many_tenants_waits_for_its_share_only(floor: _Floor) -> None:
    for tenant in range(9):
        for number in range(20):
            floor.submit(f"t{tenant}", number)
    floor.work(until=lambda: floor.draws >= 1_000)
    began = floor.draws

    one = floor.submit("last", 0)
    floor.work(until=lambda: one in floor.ended)

    assert floor.ended[one] - began <= 10 * 120 + SHORTLY


def test_a_small_job_is_not_delayed_by_one_of_a_hundred_times_its_size(floor: _Floor) -> None:
    large = floor.submit("same", 0, n=12_000)
    floor.work(until=lambda: floor.draws >= 300)
    began = floor.draws

    small = floor.submit("same", 1)
    floor.work(until=lambda: small in floor.ended)

    assert floor.ended[small] - began <= 2 * 120 + SHORTLY
    assert large not in floor.ended


@pytest.mark.parametrize(("heavy", "many", "few"), [(3, 8, 8), (1, 30, 3), (0.5, 8, 8)])
def test_tenants_that_wait_share_by_weight_whatever_they_have_queued(
    floor: _Floor, heavy: float, many: int, few: int
) -> None:
    first = {floor.submit("first", number, n=1_000, weight=heavy) for number in range(many)}
    other = {floor.submit("other", number, n=1_000) for number in range(few)}

    floor.work(until=lambda: floor.draws >= 2_000)

    share = sum(floor.made[job_id] for job_id in first)
    assert share == pytest.approx(2_000 * heavy / (heavy + 1), abs=SHORTLY)
    assert share + sum(floor.made[job_id] for job_id in other) == floor.draws


def test_who_comes_and_goes_gains_nothing_on_who_stays(floor: _Floor) -> None:
    stays = {floor.submit("stays", number, n=1_000) for number in range(8)}
    comes = [floor.submit("comes", 0)]
    while floor.draws < 3_000:
        floor.work(until=lambda: comes[-1] in floor.ended)
        comes.append(floor.submit("comes", len(comes)))

    assert sum(floor.made[job_id] for job_id in comes) <= floor.draws / 2 + SHORTLY
    assert sum(floor.made[job_id] for job_id in stays) >= floor.draws / 2 - SHORTLY


def test_who_was_away_has_saved_nothing_up(floor: _Floor) -> None:
    floor.submit("away", 0)
    busy = {floor.submit("busy", number, n=1_000) for number in range(8)}
    floor.work(until=lambda: floor.draws >= 2_000)
    before = sum(floor.made[job_id] for job_id in busy)

    back = {floor.submit("away", number, n=1_000) for number in range(1, 8)}
    floor.work(until=lambda: floor.draws >= 4_000)

    gained = sum(floor.made[job_id] for job_id in back)
    assert gained == pytest.approx(1_000, abs=SHORTLY)
    assert sum(floor.made[job_id] for job_id in busy) - before == pytest.approx(1_000, abs=SHORTLY)


def test_urgent_jobs_get_most_and_the_patient_ones_are_not_forgotten(floor: _Floor) -> None:
    jobs = {
        priority: [floor.submit("t", 100 * base + i, n=500, priority=priority) for i in range(8)]
        for base, priority in enumerate(("batch", "normal", "interactive"))
    }

    floor.work(until=lambda: floor.draws >= 2_100)

    made = {name: sum(floor.made[job_id] for job_id in of) for name, of in jobs.items()}
    assert made["interactive"] == pytest.approx(1_600, abs=SHORTLY)
    assert made["normal"] == pytest.approx(400, abs=SHORTLY)
    assert made["batch"] == pytest.approx(100, abs=SHORTLY)


def test_calling_everything_urgent_takes_nothing_from_another_tenant(floor: _Floor) -> None:
    patient = {floor.submit("patient", i, n=1_000, priority="batch") for i in range(4)}
    for number in range(20):
        floor.submit("pushing", number, n=1_000, priority="interactive")

    floor.work(until=lambda: floor.draws >= 2_000)

    assert sum(floor.made[job_id] for job_id in patient) == pytest.approx(1_000, abs=SHORTLY)


def test_an_urgent_job_overtakes_the_tenant_s_own_batch(floor: _Floor) -> None:
    for number in range(80):
        floor.submit("t", number, priority="batch")
    floor.work(until=lambda: floor.draws >= 1_000)
    began = floor.draws

    urgent = floor.submit("t", 999, priority="interactive")
    floor.work(until=lambda: urgent in floor.ended)

    assert floor.ended[urgent] - began <= 120 * 17 / 16 + SHORTLY


def test_few_of_many_jobs_are_started_and_those_are_ended_first(floor: _Floor) -> None:
    made = [floor.submit("t", number) for number in range(100)]
    floor.work(until=lambda: floor.draws >= 30 * 64)

    started = [job_id for job_id in made if floor.made[job_id]]
    assert started == made[:64]


def test_no_more_than_a_window_is_under_way_whatever_waits(life: Any) -> None:
    for number in range(20):
        life.submit(life.other(number))
        life.submit(life.other(number, tenant="acme"), caller=life.caller("acme"))

    sent = [*life.admit(WINDOW), *life.admit(WINDOW)]

    assert sum(chunk.stop - chunk.start for chunk in sent) == WINDOW * CHUNK
    assert len({chunk.job_id for chunk in sent}) == WINDOW


def test_of_small_jobs_as_many_are_under_way_as_make_up_a_window(life: Any) -> None:
    for number in range(20):
        life.submit(life.other(number, chunk_size=100))

    assert len(life.admit(WINDOW)) == WINDOW * 100 / 20


def test_a_job_that_ends_makes_room_for_one_that_waits(life: Any) -> None:
    first, second = life.submit(life.other(1)).job_id, life.submit(life.other(2)).job_id
    chunks = life.admit(max_running=1)

    life.run(ledger.fail(first, code="chunk_failed", message="", now=life.now))

    assert {chunk.job_id for chunk in chunks} == {first}
    assert {chunk.job_id for chunk in life.admit(max_running=1)} == {second}
