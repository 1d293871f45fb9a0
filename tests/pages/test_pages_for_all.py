"""Every page, in light and dark, wide and narrow: accessible, valid, and within the window."""

import json
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import Page

pytestmark = [pytest.mark.redis, pytest.mark.slow]

PHONE = {"width": 320, "height": 640}
PAGES = (
    "form",
    "form with errors",
    "form from a job",
    "waiting",
    "running",
    "interim",
    "certified",
    "decided",
    "predicted",
    "abstained",
    "cancelled",
    "failed",
    "list",
    "empty list",
    "comparison",
    "verification",
    "verified",
    "login",
    "no such job",
)


@pytest.fixture
def path_of(site: Any, picture: Callable[..., bytes]) -> Callable[[str], str]:
    """Makes what a page shows, and says where the page is."""

    def job(**fields: Any) -> str:
        return site.certify(picture(11), **fields)

    def finished(**fields: Any) -> str:
        job_id = job(**fields)
        site.worker.work()
        return job_id

    def running(steps: int, **fields: Any) -> str:
        job_id = job(**fields, n=10_000)
        site.worker.step(steps)
        return job_id

    def stopped(how: str) -> str:
        job_id = job()
        site.worker.step()
        if how == "fail":
            site.worker.fail(job_id)
        else:
            site.cancel(job_id)
        return job_id

    def undecided() -> str:
        site.worker.doubt = 10
        return finished()

    def several() -> str:
        both = [finished(sigma=sigma) for sigma in (0.25, 0.5)]
        job(mode="anytime")
        return "&".join(f"job={each}" for each in both)

    makers: dict[str, Callable[[], str]] = {
        "form": lambda: "/",
        "form with errors": lambda: "/?n=3",
        "form from a job": lambda: f"/?from={finished()}",
        "waiting": lambda: f"/ui/jobs/{job()}",
        "running": lambda: f"/ui/jobs/{running(4)}",
        "interim": lambda: f"/ui/jobs/{running(6, mode='anytime')}",
        "certified": lambda: f"/ui/jobs/{finished()}",
        "decided": lambda: f"/ui/jobs/{finished(mode='decide', radius=0.1, n='')}",
        "predicted": lambda: f"/ui/jobs/{finished(mode='predict')}",
        "abstained": lambda: f"/ui/jobs/{undecided()}",
        "cancelled": lambda: f"/ui/jobs/{stopped('cancel')}",
        "failed": lambda: f"/ui/jobs/{stopped('fail')}",
        "list": lambda: f"/ui/jobs#{several()}",
        "empty list": lambda: "/ui/jobs?state=expired",
        "comparison": lambda: f"/ui/compare?{several()}",
        "verification": lambda: "/ui/verify",
        "verified": lambda: f"/ui/verify#{finished()}",
        "login": lambda: "/ui/login",
        "no such job": lambda: "/ui/jobs/019a9f0e-8c3a-7d11-9b5e-3f1c2a4d5e6f",
    }
    return lambda name: makers[name]()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_for_everybody(
    visit: Callable[..., Page], site: Any, path_of: Callable[[str], str], name: str
) -> None:
    page = visit(path_of(name), viewport=PHONE, reduced_motion="reduce")
    if name == "form with errors":
        page.click("#go")
        page.wait_for_selector("#problems .problem")
    if name == "verified":
        job_id = page.url.partition("#")[2]
        content = site.get(f"/jobs/{job_id}/certificate").content
        certificate = {"name": "c.json", "mimeType": "application/json", "buffer": content}
        page.set_input_files("#certificate", certificate)
        page.get_by_role("button", name="Verify").click()
        page.wait_for_selector("#outcome")
    for fold in page.locator("details").all():
        fold.evaluate("fold => { fold.open = true; }")
    page.evaluate(AXE_FILE_PATH.read_text())

    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert too_small(page) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page) == []
    page.set_viewport_size({"width": 1280, "height": 900})
    assert violations(page) == []
    assert wrong_in(page.content()) == []


def violations(page: Page) -> list[str]:
    found = page.evaluate(
        "axe.run({resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', "
        "'wcag21aa', 'wcag22aa', 'best-practice']})"
    )
    return [
        f"{each['id']}: {json.dumps([node['html'] for node in each['nodes']])[:400]}"
        for each in found["violations"]
    ]


def too_small(page: Page) -> list[str]:
    """Targets under 24 by 24 pixels that are no links within text."""
    script = """() => [...document.querySelectorAll(
        "button, .button, summary, input:not([type=hidden]), select, nav a")]
      .filter((each) => each.checkVisibility())
      .map((each) => [each.closest("label") ?? each, each])
      .filter(([target]) => {
        const box = target.getBoundingClientRect();
        return box.width < 24 || box.height < 24;
      })
      .filter(([, each]) => each.type !== "checkbox")
      .map(([, each]) => each.outerHTML.slice(0, 120))"""
    return page.evaluate(script)


class _Reader(HTMLParser):
    """Collects ids, what refers to them, and what must not be in a page."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: Counter[str] = Counter()
        self.refers: set[str] = set()
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if "id" in values:
            self.ids[values["id"]] += 1
        for name in ("for", "aria-describedby", "aria-labelledby", "aria-controls", "list"):
            self.refers |= set(values.get(name, "").split())
        if tag == "a" and values.get("href", "").startswith("#"):
            self.refers.add(values["href"][1:])
        self.wrong += [f"{tag} {name}" for name in values if name == "style" or name[:2] == "on"]
        if tag == "style" or (tag == "script" and not values.get("src", "").startswith("/static/")):
            self.wrong.append(tag)
        if tag == "img" and "alt" not in values:
            self.wrong.append("img without alt")


def wrong_in(html: str) -> list[str]:
    reader = _Reader()
    reader.feed(html)
    twice = [each for each, count in reader.ids.items() if count > 1]
    return reader.wrong + twice + sorted(reader.refers - set(reader.ids))


@pytest.fixture
def source(site: Any, path_of: Callable[[str], str]) -> Callable[[str], str]:
    return lambda name: site.get(path_of(name)).text


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_one_whole_document(source: Callable[[str], str], name: str) -> None:
    html = source(name)

    assert wrong_in(html) == []
    assert html.startswith('<!doctype html>\n<html lang="en">')
    assert (html.count("<h1"), html.count("<main")) == (1, 1)
    assert unbalanced(html) == []


VOID = {"meta", "link", "input", "img", "br", "line", "rect", "circle", "path"}


def unbalanced(html: str) -> list[str]:
    class Balance(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []
            self.wrong: list[str] = []

        def handle_starttag(self, tag: str, attrs: Any) -> None:  # noqa: ARG002
            if tag not in VOID:
                self.open.append(tag)

        def handle_endtag(self, tag: str) -> None:
            if tag in VOID:
                return
            if not self.open or self.open[-1] != tag:
                self.wrong.append(tag)
            else:
                self.open.pop()

    balance = Balance()
    balance.feed(html)
    return balance.wrong + balance.open
