"""A real Redis server for the tests, and jobs to put into it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import redis

from jobs import keys, ledger, store
from jobs.advance import advance
from jobs.caller import LOCAL, SCOPES, Caller, Quota
from jobs.command import Command, SyncRunner
from jobs.connection import make_redis
from jobs.record import Chunk, ImageRef, JobSpec, Maker, ModelRef, WorkerInfo
from smoothing.certificate import Certificate
from smoothing.params import SmoothingParams
from smoothing.votes import Phase, Votes
from tests.jobs.labelled import LabelledSet

MODEL = ModelRef(
    id="tiny",
    weights_sha256="ab" * 32,
    precision="float32",
    num_classes=3,
    labels=("cat", "dog", "ship"),
    function_sha256="cd" * 32,
)
IMAGE = ImageRef(
    upload_sha256="01" * 32,
    tensor_sha256="23" * 32,
    shape=(3, 8, 8),
    original_size=(64, 48),
    spectral_norm=0.5,
    rounding_slack=0.001,
    preprocessing={"resize": "bicubic"},
)
NOW = 1_800_000_000.0
MAKER = Maker(runtime="eager 2", noise_scheme="philox")
TENSOR = bytes(4 * 3 * 8 * 8)


@pytest.fixture(scope="session")
def server(running_server: Any) -> str:
    """URL of a Redis server."""
    return running_server.url


@pytest.fixture
def client(server: str) -> Iterator[redis.Redis]:
    """A client of an empty Redis."""
    with make_redis(server, timeout_s=5) as connection:
        connection.flushall()
        yield connection


@pytest.fixture
def run(client: redis.Redis) -> Callable[[Command[Any]], Any]:
    """Carries out a command."""
    return SyncRunner(client).run


def _make_spec(**changes: Any) -> JobSpec:
    params = changes.pop("params", SmoothingParams(sigma=0.25, n0=20, n=100))
    image = replace(IMAGE, **changes.pop("image", {}))
    model = replace(MODEL, **changes.pop("model", {}))
    values: dict[str, Any] = {
        "id": keys.new_job_id(),
        "model": model,
        "image": image,
        "params": params,
        "request_digest": keys.request_digest(model, image, params),
        "created_at": NOW,
        "deadline_at": NOW + 600,
        "chunk_size": 10,
    }
    return JobSpec(**(values | changes))


class _Life:
    """Drives jobs through the store, with a clock that stands still unless moved."""

    model = MODEL.id
    spec = staticmethod(_make_spec)

    def __init__(self, run: Callable[[Command[Any]], Any], client: redis.Redis) -> None:
        self.run = run
        self.client = client
        self.now = NOW

    @staticmethod
    def caller(tenant: str, **quota: Any) -> Caller:
        limits = {"live_jobs": None, "draws_queued": None, "requests_per_minute": None} | quota
        return Caller(
            tenant=tenant, key_id=tenant, name=tenant, scopes=SCOPES, quota=Quota(**limits)
        )

    def other(self, number: int, **changes: Any) -> JobSpec:
        """A question about another picture."""
        image = {"tensor_sha256": f"{number:064x}"}
        times = {"created_at": self.now, "deadline_at": self.now + 600}
        return _make_spec(image=image, **(times | changes))

    def submit(self, spec: JobSpec | None = None, *, caller: Caller = LOCAL, **options: Any) -> Any:
        spec = spec or _make_spec(tenant=caller.tenant)
        key = keys.job_key(b"s" * 32, spec.request_digest)
        command = store.submit(
            spec, caller=caller, job_key=key, tensor=TENSOR, now=self.now, **options
        )
        return self.run(command)

    def all_keys(self) -> list[bytes]:
        return list(self.client.scan_iter())

    def admit(self, window: int = 100, **options: Any) -> tuple[Chunk, ...]:
        return self.run(ledger.admit(MODEL.id, window=window, now=self.now, **options))

    def started(self, window: int = 100, **changes: Any) -> tuple[str, tuple[Chunk, ...]]:
        job_id = self.submit(_make_spec(**changes)).job_id
        return job_id, self.admit(window)

    def complete(self, job_id: str, **document: Any) -> None:
        """Draws all that the job asks for and ends it, as workers do."""
        self.admit(10_000, max_running=10_000)
        while (snapshot := self.snapshot(job_id)) is not None:
            for chunk in self.handed_out(job_id):
                self.commit(chunk, window=10_000)
            snapshot = self.snapshot(job_id)
            step, planned = advance(snapshot)
            if isinstance(step, Certificate):
                counts = {phase.value: votes.sparse() for phase, votes in step.tally.items()}
                told = {"verdict": "certified", "counts": counts, **document}
                command = ledger.finish(job_id, step=snapshot.step, document=told, now=self.now)
                assert self.run(command)
            else:
                self.run(
                    ledger.extend(
                        job_id,
                        step=snapshot.step,
                        request=step,
                        planned=planned,
                        window=10_000,
                        now=self.now,
                    )
                )

    def handed_out(self, job_id: str) -> list[Chunk]:
        """The chunks of the job's present request that somebody was given."""
        fields = ("phase", "start", "stop", "next", "chunk")
        phase, *numbers = self.client.hmget(f"dmae:job:{{{job_id}}}", *fields)
        start, stop, following, size = map(int, numbers)
        return [
            Chunk(job_id=job_id, phase=Phase(phase.decode()), start=low, stop=min(low + size, stop))
            for low in range(start, following, size)
        ]

    def read(self, job_id: str, tenant: str = "local") -> Any:
        return self.run(store.read(job_id, tenant=tenant, now=self.now))

    def worker(self, name: str, *, alive: bool = True) -> str:
        info = WorkerInfo(
            instance=name,
            hostname="here",
            state="ready",
            started_at=NOW,
            threads=4,
            device="cpu",
            models=(),
        )
        self.run(ledger.heartbeat(info))
        if not alive:
            self.die(name)
        return name

    def die(self, name: str) -> None:
        self.client.delete(f"dmae:worker:{name}")

    def begin(self, chunk: Chunk, worker: str = "w", *, alone: bool = False) -> str:
        command = ledger.begin(chunk, worker=worker, now=self.now, alone=alone)
        return self.run(command).outcome

    def commit(
        self,
        chunk: Chunk,
        votes: Votes | None = None,
        worker: str = "w",
        window: int = 100,
        maker: Maker = MAKER,
        **options: Any,
    ) -> Any:
        votes = votes or Votes(counts=(chunk.stop - chunk.start, 0, 0))
        command = ledger.commit(
            chunk, votes, maker=maker, worker=worker, window=window, now=self.now, **options
        )
        return self.run(command)

    def release(self, chunk: Chunk, worker: str = "w", *, failed: bool = True) -> bool:
        return self.run(ledger.release(chunk, worker=worker, now=self.now, failed=failed))

    def revive(self, window: int = 100) -> Any:
        return self.run(ledger.revive(MODEL.id, window=window, now=self.now))

    def snapshot(self, job_id: str) -> Any:
        return self.run(ledger.snapshot(job_id))


@pytest.fixture
def life(run: Callable[[Command[Any]], Any], client: redis.Redis) -> _Life:
    """Drives jobs through an empty store."""
    return _Life(run, client)


@pytest.fixture
def new_life(run: Callable[[Command[Any]], Any], client: redis.Redis) -> Callable[[], _Life]:
    """Empties the store and gives a new life."""

    def make() -> _Life:
        client.flushall()
        return _Life(run, client)

    return make


@pytest.fixture
def make_spec() -> Callable[..., JobSpec]:
    """Makes a spec, equal to all others but for its id and what is asked to differ."""
    return _make_spec


@pytest.fixture
def evaluation(life: _Life) -> LabelledSet:
    """An evaluation of two images and one that is none, which has begun."""
    made = LabelledSet(life)
    assert made.begin() == "admitted"
    return made
