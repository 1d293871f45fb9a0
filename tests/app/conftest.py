"""The real application over a real Redis server, with a worker that votes without a model."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image

from app.access.keys import id_of, new_key
from app.main import create_app
from app.services import Services, build_services
from app.settings import AppSettings
from app.waiting import read_job
from jobs import api_keys
from jobs.caller import LOCAL, Quota
from jobs.connection import make_redis
from jobs.record import Job
from model_store.card import dump_card
from tests.app.acting import CARD, MODEL, QuietWaker, Worker
from tests.serving import serving


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
class _Service:
    """A running application: what to call it with, and what it is made of."""

    http: httpx.AsyncClient
    waker: QuietWaker
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
    waker = QuietWaker()
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


@pytest.fixture
def worker(redis_url: str) -> Iterator[Worker]:
    """A live worker on the same Redis."""
    worker = Worker(redis_url)
    worker.beat()
    yield worker
    worker.close()


@pytest.fixture
def make_key(worker: Worker) -> Callable[..., str]:
    """Makes API keys."""

    def make(scopes: str = "certify,read", **options: Any) -> str:
        options = {"quota": Quota(), "now": time.time()} | options
        made = new_key(name="test", scopes=frozenset(scopes.split(",")), **options)
        worker.run(api_keys.create(made.key))
        return made.text

    return make


@pytest.fixture
def revoke(worker: Worker) -> Callable[[str], None]:
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
    with serving(create_app(build_services(live_settings))) as port:
        yield f"http://127.0.0.1:{port}"


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
