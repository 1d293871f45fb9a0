"""The real application on a real port, a worker that votes as it is told, and one real browser."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
import uvicorn
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from app.main import create_app
from app.services import build_services
from app.settings import AppSettings
from jobs import ledger
from jobs.advance import advance, interim, shows_early
from jobs.command import SyncRunner
from jobs.connection import make_redis
from jobs.document import Making, certificate_document
from jobs.keys import commitment
from jobs.record import Maker, WorkerInfo, WorkerModel
from model_store.card import Architecture, ModelCard, Preprocessing, Weights, dump_card
from model_store.evidence import Evaluation, Provenance
from smoothing.certificate import Votes
from smoothing.procedures import DrawMore

LABELS = ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FAVOURITE, RIVAL = 3, 5
OTHER_NAME = "dmae.test"
"""A name that browsers do not take for this machine, and so trust with less."""

EVALUATION = Evaluation(
    sigma=0.25,
    n0=100,
    n=1000,
    alpha=0.001,
    numerics="sound",
    images="some pictures",
    num_images=500,
    certified_accuracy=((0.0, 0.8), (0.25, 0.6), (0.5, 0.4), (0.75, 0.0)),
    abstention_rate=0.05,
    average_certified_radius=0.3,
    radius_ceiling=0.6158,
    command="none",
    hardware="none",
    duration_s=1,
)


def card(model: str, sigmas: tuple[float, ...]) -> ModelCard:
    return ModelCard(
        id=model,
        description="No network: only its card is read.",
        architecture=Architecture(image_size=32, patch_size=4, embed_dim=8, depth=1, num_heads=2),
        labels=LABELS,
        preprocessing=Preprocessing(
            size=32, resize="bicubic", resize_shorter=32, mean=(0.5,) * 3, std=(0.5,) * 3
        ),
        sigmas=sigmas,
        weights=Weights(file="w.safetensors", sha256="ab" * 32, num_bytes=1, stored_as="float32"),
        draws_per_s=400.0,
        measured_on="nothing",
        evaluations=(EVALUATION,) if 0.25 in sigmas else (),
        provenance=Provenance(
            data="none", commands=(), schedule="none", hardware="none", wall_time_s=0
        ),
        licence="Apache-2.0",
    )


CARDS = (card("tiny.colours", (0.25, 0.5)), card("tiny.shapes", (0.12,)))


class Worker:
    """Does a worker's part, a chunk at a time or to the end.

    Attributes:
        doubt: Of twenty draws, how many the rival wins.
    """

    def __init__(self, url: str) -> None:
        self._client = make_redis(url)
        self.run = SyncRunner(self._client).run
        self.doubt = 1
        self._waiting: list[Any] = []

    def beat(self) -> None:
        models = tuple(
            WorkerModel(
                id=card.id, weights_sha256=card.weights.sha256, draws_per_s=400.0, batch_size=32
            )
            for card in CARDS
        )
        self.run(
            ledger.heartbeat(
                WorkerInfo(
                    instance="one",
                    hostname="here",
                    state="ready",
                    started_at=time.time(),
                    threads=1,
                    device="cpu",
                    models=models,
                )
            )
        )

    def forget(self) -> None:
        """As after another test has emptied the store."""
        self._client.flushall()
        self._waiting = []
        self.doubt = 1
        self.beat()

    def step(self, chunks: int = 1) -> None:
        """Does so many chunks, if there are so many."""
        for _ in range(chunks):
            if not self._waiting:
                for card in CARDS:
                    self._waiting += self.run(ledger.admit(card.id, window=4, now=time.time()))
            if self._waiting:
                self._do(self._waiting.pop(0))

    def work(self) -> None:
        """Takes all queued jobs to their end."""
        self.step()
        while self._waiting:
            self.step()

    def edit(self, job_id: str, field: str, change: Callable[[str], str]) -> None:
        """Changes a stored field behind the service's back."""
        name = f"dmae:job:{{{job_id}}}"
        before = self._client.hget(name, field).decode()
        after = change(before)
        assert after != before
        self._client.hset(name, field, after)

    def fail(self, job_id: str) -> None:
        self.run(ledger.fail(job_id, code="chunk_failed", message="It broke.", now=time.time()))

    def _do(self, chunk: Any) -> None:
        now = time.time()
        self.run(ledger.begin(chunk, worker="one", now=now))
        done = self.run(
            ledger.commit(
                chunk,
                self._votes(chunk),
                maker=Maker(runtime="none", noise_scheme="none"),
                worker="one",
                window=4,
                now=now,
            )
        )
        self._waiting += done.following
        snapshot = self.run(ledger.snapshot(chunk.job_id))
        if done.complete:
            self._advance(snapshot)
        elif shows_early(snapshot.spec):
            proved = interim(snapshot)
            assert proved is not None
            draws = sum(votes.total for votes in proved.tally.values())
            self.run(ledger.show(chunk.job_id, draws=draws, document=_document(snapshot, proved)))

    def _votes(self, chunk: Any) -> Votes:
        draws = range(chunk.start, chunk.stop)
        lost = sum(index % 20 < self.doubt for index in draws)
        counts = [0] * len(LABELS)
        counts[FAVOURITE], counts[RIVAL] = len(draws) - lost, lost
        return Votes(counts=tuple(counts))

    def _advance(self, snapshot: Any) -> None:
        job, step, now = snapshot.spec.id, snapshot.step, time.time()
        following, planned = advance(snapshot)
        if isinstance(following, DrawMore):
            more = ledger.extend(
                job, step=step, request=following, planned=planned, window=4, now=now
            )
            self._waiting += self.run(more) or ()
        else:
            document = _document(snapshot, following)
            self.run(ledger.finish(job, step=step, document=document, now=now))


def _document(snapshot: Any, certificate: Any) -> dict[str, Any]:
    making = Making(
        key_commitment=commitment(snapshot.job_key),
        makers=snapshot.makers,
        versions={"python": "3"},
        started_at=snapshot.started_at,
        finished_at=time.time(),
        attempts=snapshot.attempts,
    )
    return certificate_document(snapshot.spec, certificate, making)


@dataclass
class Site:
    """A running service: where it is, and who works for it.

    Attributes:
        url: Its root.
        worker: Votes when told to.
    """

    url: str
    worker: Worker

    def certify(self, image: bytes, *, key: str = "", **fields: Any) -> str:
        """The id of a new job, by the API; mode fixed and few draws unless others are named."""
        data = {"sigma": "0.25", "mode": "fixed", "n": "1000"}
        data |= {name: str(value) for name, value in fields.items()}
        data = {name: value for name, value in data.items() if value}
        files, headers = {"image": ("x", image)}, {"X-API-Key": key} if key else {}
        answer = httpx.post(f"{self.url}/certify", files=files, data=data, headers=headers)
        assert answer.status_code in {200, 202}, answer.text
        return answer.json()["id"]

    def cancel(self, job_id: str) -> None:
        httpx.post(f"{self.url}/jobs/{job_id}/cancel").raise_for_status()

    def get(self, path: str, **options: Any) -> httpx.Response:
        return httpx.get(self.url + path, **options)


class _Quiet:
    def wake(self, model_id: str) -> None:
        pass

    async def aclose(self) -> None:
        pass


@contextmanager
def running(settings: AppSettings) -> Iterator[str]:
    """A web process in a thread; its root URL."""
    app = create_app(build_services(settings, waker=_Quiet()))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the service did not start"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="session")
def new_site(
    running_server: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Site]]:
    """Starts services with given settings, on one Redis."""
    store, keys = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("signing")
    for each in CARDS:
        (store / each.id).mkdir()
        dump_card(each, store / each.id / "card.json")
    with ExitStack() as stack:

        def start(**settings: Any) -> Site:
            chosen = {
                "redis_url": running_server.url,
                "model_store_dir": store,
                "signing_keys_dir": keys,
                "allowed_hosts": ("127.0.0.1", "localhost", OTHER_NAME),
            }
            url = stack.enter_context(running(AppSettings(**(chosen | settings))))
            return Site(url=url, worker=Worker(running_server.url))

        yield start


@pytest.fixture(scope="session")
def one_site(new_site: Callable[..., Site]) -> Site:
    return new_site()


@pytest.fixture
def site(one_site: Site) -> Site:
    """A service without jobs and without keys."""
    one_site.worker.forget()
    return one_site


@pytest.fixture(scope="session")
def picture() -> Callable[..., bytes]:
    """Encoded pictures, different by seed."""

    def encode(seed: int = 0, *, size: tuple[int, int] = (64, 48)) -> bytes:
        noise = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        file = BytesIO()
        Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).save(file, "PNG")
        return file.getvalue()

    return encode


@pytest.fixture
def picture_file(picture: Callable[..., bytes], tmp_path: Path) -> Path:
    path = tmp_path / "image.png"
    path.write_bytes(picture())
    return path


# Playwright keeps an event loop running in the thread that it is used in, where no other test
# could then run one. So the browser has a thread to itself, and tests that browse run in it.
_BROWSING = ThreadPoolExecutor(max_workers=1, thread_name_prefix="browsing")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if "visit" not in pyfuncitem.fixturenames:
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    _BROWSING.submit(pyfuncitem.obj, **arguments).result()
    return True


@pytest.fixture(scope="session")
def browser(new_site: Callable[..., Site]) -> Iterator[Browser]:  # noqa: ARG001 - outlives it
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        reason = "Chromium is not on the path"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    playwright = _BROWSING.submit(lambda: sync_playwright().start()).result()
    launched = _BROWSING.submit(
        playwright.chromium.launch,
        executable_path=program,
        args=["--no-sandbox", f"--host-resolver-rules=MAP {OTHER_NAME} 127.0.0.1"],
    ).result()
    yield launched
    _BROWSING.submit(launched.close).result()
    _BROWSING.submit(playwright.stop).result()


_WATCH = """
window.broken = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.broken.push(`${event.violatedDirective} ${event.blockedURI}`));
"""


@dataclass
class Watched:
    """What a visitor's browser complained about, and whom it asked."""

    errors: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator[Callable[..., Page]]:
    """Opens pages, each for a visitor of its own; none may complain, or ask another origin."""
    watched = Watched()
    contexts: list[Any] = []

    def open_(path: str = "/", *, root: str = site.url, **options: Any) -> Page:
        context = browser.new_context(**options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        if options.get("java_script_enabled", True):
            context.add_init_script(_WATCH)
        page = context.new_page()
        page.on("console", lambda each: each.type == "error" and watched.errors.append(each.text))
        page.on("pageerror", lambda error: watched.errors.append(str(error)))
        page.on("request", lambda each: watched.hosts.add(urlsplit(each.url).netloc))
        page.goto(root + path)
        return page

    def leave() -> None:
        for context in contexts:
            for page in context.pages:
                watched.errors += page.evaluate("window.broken ?? []")
            context.close()

    yield open_
    _BROWSING.submit(leave).result()
    assert {host.rpartition(":")[0] for host in watched.hosts} <= {"127.0.0.1", OTHER_NAME, ""}
    # A browser calls every refusal an error, and the form's are meant.
    assert [text for text in watched.errors if "Failed to load resource" not in text] == []
