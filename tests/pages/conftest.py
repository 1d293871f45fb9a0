"""The real application on a real port, a worker of its own, and one real browser."""

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from app.main import create_app
from app.services import build_services
from app.settings import AppSettings
from model_store.card import dump_card
from tests.app.acting import QuietWaker
from tests.pages.voting import CARDS, Worker
from tests.serving import serving

OTHER_NAME = "dmae.test"
"""A name that browsers do not take for this machine, and so trust with less."""


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


@pytest.fixture(scope="session")
def new_site(
    new_server: Callable[[], Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Site]]:
    """Starts services with given settings, on one Redis.

    It is theirs alone: they live as long as the session, and would take up what other tests put in.
    """
    server = new_server()
    server.start()
    store, keys = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("signing")
    for each in CARDS:
        (store / each.id).mkdir()
        dump_card(each, store / each.id / "card.json")
    with ExitStack() as stack:

        def start(**settings: Any) -> Site:
            chosen = {
                "redis_url": server.url,
                "model_store_dir": store,
                "signing_keys_dir": keys,
                "allowed_hosts": ("127.0.0.1", "localhost", OTHER_NAME),
            }
            services = build_services(AppSettings(**(chosen | settings)), waker=QuietWaker())
            port = stack.enter_context(serving(create_app(services)))
            return Site(url=f"http://127.0.0.1:{port}", worker=Worker(server.url))

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
