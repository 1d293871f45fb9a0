"""A real Redis server, a store with a tiny classifier, and jobs for it."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import redis
from numpy.typing import NDArray

from bench.random_model import SIZE, make_store
from jobs import keys, ledger, store
from jobs.caller import LOCAL
from jobs.command import Command, SyncRunner
from jobs.connection import make_redis
from jobs.errors import StoreUnavailable
from jobs.record import (
    Chunk,
    ImageRef,
    Job,
    JobSpec,
    Maker,
    ModelRef,
    WorkerInfo,
    WorkerModel,
)
from model_store.card import ModelCard
from smoothing.params import SmoothingParams
from smoothing.sampler import Draws
from smoothing.votes import Votes
from tests.worker.gated_sampler import GatedSampler
from worker.advancing import Machine
from worker.batcher import Batcher
from worker.drawing import Drawing

MODEL = "tiny.random"
MACHINE = Machine(instance="me", versions={"python": "3"})
MAKER = Maker(runtime="none", noise_scheme="counting")
PARAMS = SmoothingParams(sigma=0.25, n0=20, n=100)
IMAGE = np.random.default_rng(1).random((3, SIZE, SIZE), dtype=np.float32)


@pytest.fixture(scope="session")
def server(new_server: Callable[[], Any]) -> Any:
    """A Redis server of this room's own, since a test kills it."""
    started = new_server()
    started.start()
    return started


@pytest.fixture
def client(server: Any) -> Iterator[redis.Redis]:
    """A client of an empty Redis."""
    with make_redis(server.url, timeout_s=5) as connection:
        connection.flushall()
        yield connection


@pytest.fixture
def run(client: redis.Redis) -> Callable[[Command[Any]], Any]:
    """Carries out a command."""
    return SyncRunner(client).run


@pytest.fixture(scope="session")
def model_store_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one tiny vision transformer of random weights."""
    root = tmp_path_factory.mktemp("store")
    make_store(root, labels=("cat", "dog", "ship"))
    return root


def _make_spec(card: ModelCard, params: SmoothingParams, chunk_size: int, salt: int) -> JobSpec:
    model = keys.model_ref(card)
    image = ImageRef(
        upload_sha256=f"{salt:064x}",
        tensor_sha256=f"{salt:064x}",
        shape=(3, SIZE, SIZE),
        original_size=(SIZE, SIZE),
        spectral_norm=1.0,
        rounding_slack=0.0,
        preprocessing={},
    )
    now = time.time()
    return JobSpec(
        id=keys.new_job_id(),
        model=model,
        image=image,
        params=params,
        request_digest=keys.request_digest(model, image, params),
        created_at=now,
        deadline_at=now + 300,
        chunk_size=chunk_size,
    )


@dataclass
class _Jobs:
    """Submits jobs for the tiny classifier, and waits for them."""

    run: Callable[[Command[Any]], Any]
    card: ModelCard
    model: str = MODEL
    image: NDArray[np.float32] = field(default_factory=lambda: IMAGE)
    params: SmoothingParams = PARAMS

    def key(self, spec: JobSpec) -> bytes:
        return keys.job_key(b"s" * 32, spec.request_digest)

    def submit(
        self,
        *,
        params: SmoothingParams = PARAMS,
        chunk_size: int = 10,
        salt: int = 0,
        card: ModelCard | None = None,
    ) -> JobSpec:
        spec = _make_spec(card or self.card, params, chunk_size, salt)
        command = store.submit(
            spec,
            caller=LOCAL,
            job_key=self.key(spec),
            tensor=self.image.tobytes(),
            now=time.time(),
        )
        assert self.run(command).outcome == "created"
        return spec

    def read(self, job_id: str) -> Job:
        return self.run(store.read(job_id, tenant="local", now=time.time()))

    def ended(self, job_id: str, *, within_s: float = 60) -> Job:
        until = time.monotonic() + within_s
        while not (job := self.read(job_id)).state.terminal:
            assert time.monotonic() < until, job
            time.sleep(0.02)
        return job

    def workers(self) -> tuple[WorkerInfo, ...]:
        return self.run(store.workers())


@pytest.fixture
def jobs(run: Callable[[Command[Any]], Any], model_store_dir: Path) -> _Jobs:
    """Jobs in an empty store."""
    from model_store.registry import Registry

    return _Jobs(run, Registry(model_store_dir).get(MODEL))


class _World:
    """A drawing whose messages are kept in a list, and whose draws need no model.

    Draw i votes for class `vote(i)`: for class 1 unless told otherwise.
    """

    def __init__(self, run: Any) -> None:
        self.sent: list[Chunk] = []
        self.drawn: list[Draws] = []
        self.errors: list[Exception] = []
        self.away = 0
        self.vote: Callable[[int], int] = lambda _: 1
        self.problem: str | None = None
        self._run = run
        self.drawing = Drawing(
            runner=self,
            batcher=self,
            problem=self.what_is_wrong_with,
            maker=lambda _spec: MAKER,
            send=lambda _model, chunk: self.sent.append(chunk),
            machine=MACHINE,
            window=lambda _model: 3,
            patience_s=1,
        )

    def run(self, command: Any) -> Any:
        if self.away:
            self.away -= 1
            raise StoreUnavailable("away")
        return self._run(command)

    def what_is_wrong_with(self, _model: ModelRef) -> str | None:
        return self.problem

    def submit(self, _model_id: str, draws: Draws) -> "Future[Votes]":
        self.drawn.append(draws)
        future: Future[Votes] = Future()
        if self.errors:
            future.set_exception(self.errors.pop())
        else:
            future.set_result(self.votes(draws.start, draws.stop))
        return future

    def votes(self, start: int, stop: int) -> Votes:
        cast = Counter(self.vote(index) for index in range(start, stop))
        return Votes(counts=(cast[0], cast[1], cast[2]))

    def work(self) -> None:
        while self.sent:
            self.drawing.draw(self.sent.pop(0))

    def heartbeat(
        self, name: str, *models: WorkerModel, state: Literal["starting", "ready"] = "ready"
    ) -> None:
        info = WorkerInfo(
            instance=name,
            hostname="h",
            state=state,
            started_at=0,
            threads=1,
            device="cpu",
            models=models,
        )
        self._run(ledger.heartbeat(info))


@pytest.fixture
def world(run: Any) -> _World:
    """A worker's drawing in an empty store."""
    return _World(run)


@pytest.fixture
def sampler() -> GatedSampler:
    """A sampler that waits until it may go on."""
    return GatedSampler()


@pytest.fixture
def batcher(sampler: GatedSampler) -> Iterator[Batcher]:
    """A batcher of that sampler."""
    made = Batcher(lambda: {"m": sampler})
    made.start()
    yield made
    sampler.go_on.set()
    made.close()
