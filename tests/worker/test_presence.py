"""The tick, and the watchdog that it feeds."""

from collections.abc import Mapping
from dataclasses import replace
from threading import Event, Thread
from typing import Any

import pytest

from jobs import ledger
from jobs.errors import StoreUnavailable
from jobs.record import WorkerInfo, WorkerModel
from worker.presence import Presence, Windows, look_every, window_for
from worker.telemetry import Counters
from worker.watchdog import MemoryLimit, Watchdog, resident_mib

MODEL = WorkerModel(id="m", weights_sha256="", draws_per_s=None, batch_size=None)


def info(name: str = "me", *, threads: int = 4, state: Any = "ready") -> WorkerInfo:
    return WorkerInfo(
        instance=name,
        hostname="h",
        state=state,
        started_at=0,
        threads=threads,
        device="cpu",
        models=(MODEL,),
    )


class _Drawing:
    """Notes what it is asked for."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.assignments = self
        self.draws_begun = 0
        self.idle = True

    def forget_idle(self) -> None:
        pass

    def release_abandoned(self) -> None:
        pass

    def admit(self, model_id: str) -> None:
        self.calls.append(f"admit {model_id}")

    def revive(self, model_id: str) -> None:
        self.calls.append(f"revive {model_id}")


def presence(
    run: Any,
    drawing: Any,
    *,
    watchdog: Watchdog | None = None,
    speeds: Mapping[str, float] | None = None,
) -> Presence:
    class Runner:
        def run(self, command: Any) -> Any:
            return run(command)

    return Presence(
        runner=Runner(),
        info=info(state="starting"),
        drawing=drawing,
        windows=Windows(),
        counters=Counters(),
        speeds=lambda: speeds if speeds is not None else {},
        watchdog=watchdog or Watchdog(busy_s=lambda: 0, stuck_s=1, end=[].append),
    )


@pytest.mark.parametrize(("model_id", "window"), [("m", 6), ("other", 3)])
def test_the_window_feeds_all_workers_that_serve_a_model(model_id: str, window: int) -> None:
    workers = (info("a"), info("b", threads=8), info("c", state="starting"))

    assert window_for(workers, model_id) == window


@pytest.mark.parametrize(
    ("workers", "times"), [(1, 1), (100, 1), (250, 2.5), (2_000, 20), (9_000, 20)]
)
def test_many_workers_take_turns_in_looking_after_jobs(workers: int, times: float) -> None:
    assert look_every(workers) == times


@pytest.mark.redis
def test_a_worker_admits_only_once_it_is_ready(run: Any, jobs: Any) -> None:
    drawing = _Drawing()
    made = presence(run, drawing)
    made.say_alive()
    made.look_after_jobs()
    before = [worker.state for worker in jobs.workers()], list(drawing.calls)

    made.ready((MODEL,))

    assert before == (["starting"], [])
    assert [worker.state for worker in jobs.workers()] == ["ready"]
    assert drawing.calls == ["admit m", "revive m"]


@pytest.mark.redis
def test_a_heartbeat_says_how_fast_a_model_is_of_late(run: Any, jobs: Any) -> None:
    speeds: dict[str, float] = {}
    made = presence(run, _Drawing(), speeds=speeds)
    broken = replace(MODEL, id="broken")
    made.ready((replace(MODEL, draws_per_s=900.0), broken))
    at_first = [model.draws_per_s for worker in jobs.workers() for model in worker.models]
    speeds["m"] = 123.456

    made.say_alive()

    later = [model.draws_per_s for worker in jobs.workers() for model in worker.models]
    assert (at_first, later) == ([900.0, None], [123.5, None])


@pytest.mark.redis
def test_a_worker_that_stops_is_gone_at_once(run: Any, jobs: Any) -> None:
    made = presence(run, _Drawing())
    made.start()
    made.ready((MODEL,))

    made.stop()

    assert jobs.workers() == ()


@pytest.mark.parametrize("error", [StoreUnavailable("away"), RuntimeError("a bug")])
def test_a_tick_survives_every_error(error: Exception) -> None:
    def run(_command: Any) -> Any:
        raise error

    made = presence(run, _Drawing())
    made.say_alive()
    made.look_after_jobs()


def test_a_batch_that_takes_too_long_ends_the_process() -> None:
    ended: list[str] = []
    busy = 0.0
    dog = Watchdog(busy_s=lambda: busy, stuck_s=120, end=ended.append)
    dog.watch_device()
    busy = 121.0

    dog.watch_device()

    assert ended == ["one batch has taken 121 s"]


@pytest.mark.redis
def test_a_device_that_hangs_while_models_are_loaded_ends_the_process_too(run: Any) -> None:
    """What ends it is fed before the first model and not again until all are there."""
    fed: list[float] = []
    dog = Watchdog(busy_s=lambda: 0, stuck_s=60, feed=fed.append)
    made = presence(run, _Drawing(), watchdog=dog)
    made.start()
    made.say_alive()
    loading = list(fed)

    made.ready((MODEL,))
    made.stop()

    assert loading == [900]
    assert set(fed[1:]) == {60}


def test_a_consumer_that_hears_nothing_ends_the_process() -> None:
    ended: list[str] = []
    clock = [0.0]
    dog = Watchdog(busy_s=lambda: 0, stuck_s=1, end=ended.append, clock=lambda: clock[0])
    # Idle without work, then drawing with a full queue: nothing is wrong.
    for now, waiting, begun in ((0, 0, 0), (500, 0, 0), (501, 9, 0), (550, 9, 1), (600, 9, 2)):
        clock[0] = now
        dog.watch_consumer(messages_waiting=waiting, draws_begun=begun)
    before = list(ended)

    for now in (640, 661):
        clock[0] = now
        dog.watch_consumer(messages_waiting=9, draws_begun=2)

    assert before == []
    assert ended == ["9 chunks wait, none came in 61 s"]


@pytest.mark.redis
def test_a_worker_with_chunks_in_hand_is_not_deaf_however_many_wait(run: Any, client: Any) -> None:
    """All its threads are busy with long chunks: it need not take more, nor end for it."""
    ended: list[str] = []
    clock = [0.0]
    dog = Watchdog(busy_s=lambda: 0, stuck_s=1, end=ended.append, clock=lambda: clock[0])
    drawing = _Drawing()
    drawing.idle = False
    made = presence(run, drawing, watchdog=dog)
    client.rpush("dmae:celery:draws.m", "a", "b")
    made.ready((MODEL,))
    for clock[0] in (50.0, 100.0, 500.0):
        made.look_after_jobs()
    busy = list(ended)

    drawing.idle = True
    for clock[0] in (530.0, 559.0, 561.0):
        made.look_after_jobs()

    assert busy == []
    assert ended == ["2 chunks wait, none came in 61 s"]


@pytest.mark.redis
def test_a_worker_is_not_deaf_for_what_waited_while_redis_was_away(run: Any, client: Any) -> None:
    ended: list[str] = []
    clock, away = [0.0], [False]

    def sometimes(command: Any) -> Any:
        if away[0]:
            raise StoreUnavailable("away")
        return run(command)

    dog = Watchdog(busy_s=lambda: 0, stuck_s=1, end=ended.append, clock=lambda: clock[0])
    made = presence(sometimes, _Drawing(), watchdog=dog)
    client.rpush("dmae:celery:draws.m", "a")
    made.ready((MODEL,))
    for clock[0], away[0] in ((50.0, True), (100.0, True), (101.0, False), (159.0, False)):
        made.look_after_jobs()
    excused = list(ended)

    clock[0] = 161.0
    made.look_after_jobs()

    assert excused == []
    assert ended == ["1 chunks wait, none came in 61 s"]


@pytest.mark.redis
def test_a_heartbeat_does_not_wait_for_the_look_after_jobs(run: Any, client: Any) -> None:
    drawing = _Drawing()
    begun, go_on = Event(), Event()

    def admit(model_id: str) -> None:
        assert model_id == MODEL.id
        begun.set()
        assert go_on.wait(5)

    drawing.admit = admit
    made = presence(run, drawing)
    looking = Thread(target=made.ready, args=((MODEL,),))
    looking.start()
    assert begun.wait(5)
    client.delete("dmae:worker:me")

    made.say_alive()
    heard = client.exists("dmae:worker:me")
    go_on.set()
    looking.join()

    assert heard == 1


@pytest.mark.redis
def test_a_heartbeat_carries_what_the_worker_counted(run: Any, jobs: Any) -> None:
    made = presence(run, _Drawing())
    made.ready((MODEL,))

    made.say_alive()

    (told,) = jobs.workers()
    assert told.counters["batches"] == 0
    assert told.counters["ready_s"] > 0


def test_a_process_that_grew_too_large_is_asked_to_end_once() -> None:
    sizes = iter([10.0, 101.0, 102.0])
    asked: list[int] = []
    limit = MemoryLimit(100, resident_mib=lambda: next(sizes), end=lambda: asked.append(1))

    limit.look()
    before = list(asked)
    limit.look()
    limit.look()

    assert (before, asked) == ([], [1])


def test_without_a_limit_nobody_looks_at_the_memory() -> None:
    MemoryLimit(None, resident_mib=lambda: pytest.fail("it looked")).look()


def test_the_memory_of_this_process_is_known() -> None:
    assert 10 < resident_mib() < 1_000_000


@pytest.mark.redis
def test_waiting_messages_are_counted(run: Any, client: Any) -> None:
    client.rpush("dmae:celery:draws.m", "a", "b")

    assert run(ledger.waiting("m")) == 2
