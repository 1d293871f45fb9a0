"""The real application over a real Redis server, with a worker that votes without a model."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI
from PIL import Image

from app.access.keys import id_of, new_key
from app.main import create_app
from app.services import Services, build_services
from app.settings import AppSettings
from app.waiting import read_job
from jobs import api_keys, ledger
from jobs.caller import LOCAL, Quota
from jobs.command import SyncRunner
from jobs.connection import make_redis
from jobs.document import Making, certificate_document
from jobs.keys import commitment
from jobs.record import Job, Maker, WorkerInfo, WorkerModel
from model_store.card import (
    Architecture,
    ModelCard,
    Preprocessing,
    Weights,
    dump_card,
)
from model_store.evidence import Provenance
from smoothing.certificate import Phase, Votes
from smoothing.procedures import DrawMore, procedure_for

MODEL = "tiny.colours"
LABELS = ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CARD = ModelCard(
    id=MODEL,
    description="No network: only its card is read.",
    architecture=Architecture(image_size=32, patch_size=4, embed_dim=8, depth=1, num_heads=2),
    labels=LABELS,
    preprocessing=Preprocessing(
        size=32, resize="bicubic", resize_shorter=32, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)
    ),
    sigmas=(0.25, 0.5),
    weights=Weights(file="w.safetensors", sha256="ab" * 32, num_bytes=1, stored_as="float32"),
    draws_per_s=400.0,
    measured_on="nothing",
    evaluations=(),
    provenance=Provenance(
        data="none", commands=(), schedule="none", hardware="none", wall_time_s=0
    ),
    licence="Apache-2.0",
)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def redis_url(running_server: Any) -> str:
    """URL of an empty Redis."""
    with make_redis(running_server.url) as connection:
        connection.flushall()
    return running_server.url


@pytest.fixture(scope="session")
def model_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one model."""
    store = tmp_path_factory.mktemp("models")
    (store / MODEL).mkdir()
    dump_card(CARD, store / MODEL / "card.json")
    return store


@dataclass
class _QuietWaker:
    """Remembers whom it was asked to wake."""

    woken: list[str] = field(default_factory=list)
    called: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self, model_id: str) -> None:
        self.woken.append(model_id)
        self.called.set()

    async def aclose(self) -> None:
        pass


@dataclass
class _Service:
    """A running application: what to call it with, and what it is made of."""

    http: httpx.AsyncClient
    waker: _QuietWaker
    services: Services
    app: FastAPI

    async def read(self, job_id: str, *, tenant: str = LOCAL.tenant) -> Job:
        """A job as the store has it."""
        return await read_job(self.services.runner, job_id, tenant=tenant)

    async def certify(self, image: bytes, *, headers: Any = None, **fields: Any) -> httpx.Response:
        """Mode fixed unless another is named: its numbers are the easiest to foresee."""
        data = {"sigma": "0.25", "mode": "fixed"}
        data |= {name: str(value) for name, value in fields.items()}
        return await self.http.post(
            "/certify", files={"image": ("picture", image)}, data=data, headers=headers
        )


@pytest.fixture
async def serve(model_store: Path, redis_url: str) -> AsyncIterator[Callable[..., Any]]:
    """Starts applications, with other settings where asked."""
    async with AsyncExitStack() as running:

        async def start(**settings: Any) -> _Service:
            chosen = {"redis_url": redis_url, "model_store_dir": model_store} | settings
            return await running.enter_async_context(_service(AppSettings(**chosen)))

        yield start


@asynccontextmanager
async def _service(settings: AppSettings) -> AsyncIterator[_Service]:
    waker = _QuietWaker()
    services = build_services(settings, waker=waker)
    app = create_app(services)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        yield _Service(http=http, waker=waker, services=services, app=app)
    await services.aclose()


@pytest.fixture
async def service(serve: Callable[..., Any]) -> _Service:
    """An application with the settings of a fresh installation."""
    return await serve()


class _Worker:
    """Does a worker's part of the protocol, in the order in which one does it."""

    def __init__(self, url: str) -> None:
        self._client = make_redis(url)
        self.run = SyncRunner(self._client).run

    def close(self) -> None:
        self._client.close()

    def beat(
        self,
        *,
        state: Any = "ready",
        speed: float | None = 400.0,
        counters: dict[str, float] | None = None,
        **model: Any,
    ) -> None:
        known = {"id": MODEL, "weights_sha256": "ab" * 32, "draws_per_s": speed, "batch_size": 32}
        info = WorkerInfo(
            instance="one",
            hostname="here",
            state=state,
            started_at=time.time(),
            threads=1,
            device="cpu",
            models=(WorkerModel(**(known | model)),),
            counters=counters or {},
        )
        self.run(ledger.heartbeat(info))

    def admit(self) -> list[Any]:
        return list(self.run(ledger.admit(MODEL, window=4, now=time.time())))

    def commit(self, chunk: Any) -> Any:
        """Votes for class 3, always."""
        self.run(ledger.begin(chunk, worker="one", now=time.time()))
        counts = [0] * len(LABELS)
        counts[3] = chunk.stop - chunk.start
        votes = Votes(counts=tuple(counts))
        maker = Maker(runtime="none", noise_scheme="none")
        return self.run(
            ledger.commit(chunk, votes, maker=maker, worker="one", window=4, now=time.time())
        )

    def work(self) -> None:
        """Takes all queued jobs to their end."""
        for _ in self.steps():
            pass

    def steps(self) -> Iterator[None]:
        """The same, chunk by chunk."""
        waiting = self.admit()
        while waiting:
            done = self.commit(chunk := waiting.pop(0))
            waiting += done.following
            waiting += self._advance(chunk.job_id) if done.complete else []
            yield

    def _advance(self, job_id: str) -> list[Any]:
        now = time.time()
        snapshot = self.run(ledger.snapshot(job_id))
        procedure = procedure_for(snapshot.spec.params, len(LABELS))
        tally = {phase: _sum(snapshot.chunks.get(phase, {})) for phase in Phase}
        step = procedure.step(tally)
        if isinstance(step, DrawMore):
            planned = procedure.draws_planned(tally)
            return list(
                self.run(
                    ledger.extend(
                        job_id, step=snapshot.step, request=step, planned=planned, window=4, now=now
                    )
                )
                or ()
            )
        making = Making(
            key_commitment=commitment(snapshot.job_key),
            makers=snapshot.makers,
            versions={"python": "3"},
            started_at=snapshot.started_at,
            finished_at=now,
            attempts=snapshot.attempts,
        )
        document = certificate_document(snapshot.spec, step, making)
        self.run(ledger.finish(job_id, step=snapshot.step, document=document, now=now))
        return []

    def fail(self, job_id: str) -> None:
        self.run(ledger.fail(job_id, code="chunk_failed", message="it broke", now=time.time()))


def _sum(chunks: dict[int, tuple[int, dict[str, int]]]) -> Votes:
    votes = Votes.none(len(LABELS))
    for _, sparse in chunks.values():
        votes += Votes.from_sparse(sparse, len(LABELS))
    return votes


@pytest.fixture
def worker(redis_url: str) -> Iterator[_Worker]:
    """A live worker on the same Redis."""
    worker = _Worker(redis_url)
    worker.beat()
    yield worker
    worker.close()


@pytest.fixture
def make_key(worker: _Worker) -> Callable[..., str]:
    """Makes API keys."""

    def make(scopes: str = "certify,read", **options: Any) -> str:
        options = {"quota": Quota(), "now": time.time()} | options
        made = new_key(name="test", scopes=frozenset(scopes.split(",")), **options)
        worker.run(api_keys.create(made.key))
        return made.text

    return make


@pytest.fixture
def revoke(worker: _Worker) -> Callable[[str], None]:
    """Revokes API keys."""
    return lambda key: worker.run(api_keys.revoke(id_of(key), now=time.time()))


@pytest.fixture(scope="session")
def sleep() -> Callable[[float], Any]:
    """Lets time pass."""
    return asyncio.sleep


@pytest.fixture(scope="session")
def picture() -> Callable[..., bytes]:
    """Encoded pictures, different by seed."""

    def encode(
        seed: int = 0, *, size: tuple[int, int] = (32, 32), form: str = "PNG", **options: Any
    ) -> bytes:
        noise = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        file = BytesIO()
        image = Image.fromarray(noise).resize(size, Image.Resampling.BILINEAR)
        image.convert(options.pop("mode", "RGB")).save(file, form, **options)
        return file.getvalue()

    return encode


@pytest.fixture(scope="session")
def problem() -> Callable[..., dict[str, Any]]:
    """Checks that an answer is a problem, and returns its body."""

    def check(answer: httpx.Response, status: int, slug: str) -> dict[str, Any]:
        body = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert (answer.status_code, body["type"]) == (status, f"/problems/{slug}"), answer.text
        assert body["status"] == status
        assert body["detail"]
        assert body["request_id"] == answer.headers["x-request-id"]
        return body

    return check


@pytest.fixture
def live_settings(model_store: Path, redis_url: str, tmp_path: Path) -> AppSettings:
    """Of an application that signs."""
    return AppSettings(
        redis_url=redis_url, model_store_dir=model_store, signing_keys_dir=tmp_path / "signing"
    )


@pytest.fixture
def live(live_settings: AppSettings) -> Iterator[str]:
    """Where the real application is, on a real socket; nobody works for it yet."""
    services = build_services(live_settings)
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(services), log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def working(worker: Any) -> Iterator[None]:
    """A worker at work, until the end of the test."""
    ended = Event()

    def work() -> None:
        while not ended.wait(0.01):
            worker.work()

    thread = Thread(target=work)
    thread.start()
    yield
    ended.set()
    thread.join()


@pytest.fixture
def picture_file(picture: Callable[..., bytes], tmp_path: Path) -> Path:
    """A picture on disk."""
    path = tmp_path / "cat.png"
    path.write_bytes(picture())
    return path
