"""The pictures of the pages in docs/images, taken of a running service.

make serve                        # in another terminal
python -m bench.screenshots       # needs Chromium on the path; about a minute
"""

import re
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Literal

import typer
from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "images"
DESKTOP = ViewportSize(width=1180, height=800)
PHONE = ViewportSize(width=390, height=844)
LONGEST_MS = 300_000


def main(url: str = "http://127.0.0.1:8000", folder: Path = PICTURES) -> None:
    """Certify examples in a browser, and take pictures on the way.

    Args:
        url: Where the service is, with the bundled model.
        folder: Where the pictures go.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _browser() as browser:
        result = _visit(browser, url, DESKTOP, "light")
        _ask(result, "freighter", mode="adaptive", n="10000")
        expect(result.locator(".verdict")).to_be_visible(timeout=LONGEST_MS)
        _take(result, folder / "result-light.png", height=850)
        _take(
            _visit(browser, result.url, PHONE, "dark"),
            folder / "result-phone-dark.png",
            height=1400,
        )
        running = _visit(browser, url, DESKTOP, "dark")
        _ask(running, "cat", mode="anytime", n="20000")
        tenth = re.compile("^1[0-9] %")
        expect(running.locator(".percent")).to_have_text(tenth, timeout=LONGEST_MS)
        _take(running, folder / "running-dark.png")
        running.get_by_role("button", name="Stop").click()
        _take(_visit(browser, url, DESKTOP, "light"), folder / "form-light.png")


@contextmanager
def _browser() -> Generator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        raise typer.BadParameter("Chromium is not on the path")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


def _visit(
    browser: Browser, url: str, size: ViewportSize, scheme: Literal["light", "dark"]
) -> Page:
    page = browser.new_context(
        viewport=size, color_scheme=scheme, reduced_motion="reduce", locale="en-GB"
    ).new_page()
    page.goto(url)
    return page


def _ask(page: Page, example: str, *, mode: str, n: str) -> None:
    page.get_by_text(example, exact=True).click()
    page.check(f"[name=mode][value={mode}]")
    page.locator("summary", has_text="Advanced").click()
    page.fill("#n", n)
    page.click("#go")
    page.wait_for_url("**/ui/jobs/*")


def _take(page: Page, file: Path, *, height: int | None = None) -> None:
    """The whole page, or the top of it."""
    page.wait_for_function("[...document.images].every((image) => image.complete)")
    shot = Image.open(BytesIO(page.screenshot(full_page=True)))
    shot.crop((0, 0, shot.width, min(height or shot.height, shot.height))).convert("RGB").save(
        file, optimize=True
    )
    typer.echo(f"{file.name}: {file.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    typer.run(main)
