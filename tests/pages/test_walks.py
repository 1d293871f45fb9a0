"""From an image to its certificate, as visitors go: by mouse, by keyboard, without scripts."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.redis, pytest.mark.slow]

Visit = Callable[..., Page]


def press_until(page: Page, key: str, selector: str, *, most: int = 60) -> None:
    """Presses a key until the focus is at an element."""
    for _ in range(most):
        if page.locator(f"{selector}:focus").count():
            return
        page.keyboard.press(key)
    raise AssertionError(f"the focus never came to {selector}")


def job_id(page: Page) -> str:
    page.wait_for_url("**/ui/jobs/*")
    return page.url.rsplit("/", 1)[1]


def test_a_visitor_with_a_keyboard_alone_gets_a_certificate(
    visit: Visit, site: Any, picture_file: Path
) -> None:
    page = visit()
    # Well before the press: keys reach the page by another way than the order to intercept the
    # chooser, and a chooser that nobody intercepts is cancelled at once where there is no screen.
    page.on("filechooser", lambda chooser: chooser.set_files(picture_file))

    press_until(page, "Tab", "#image")
    page.keyboard.press("Space")
    expect(page.locator("#preview img")).to_be_visible()
    press_until(page, "Tab", "[name=mode]")
    press_until(page, "ArrowDown", "[name=mode][value=predict]")
    press_until(page, "Tab", "#go")
    page.keyboard.press("Enter")
    job_id(page)
    expect(page.locator("h1")).to_have_text("Waiting")
    site.worker.work()

    expect(page.locator("h1")).to_have_text("cat")
    expect(page.locator(".badge.good")).to_contain_text("Predicted")


def test_a_visitor_without_scripts_gets_a_certificate(
    visit: Visit, site: Any, picture_file: Path
) -> None:
    page = visit(java_script_enabled=False)

    page.set_input_files("#image", picture_file)
    page.get_by_text("A fixed number of draws").click()
    page.locator("summary", has_text="Advanced").click()
    page.fill("#n", "1000")
    page.click("#go")
    job_id(page)
    expect(page.locator("h1")).to_have_text("Waiting")
    site.worker.work()

    # The page looks again by itself, after 2 to 15 seconds: as long as the service thinks it takes,
    # which may still count what waited a second ago.
    expect(page.locator("h1")).to_have_text("cat", timeout=20_000)
    expect(page.locator(".lead")).to_contain_text("no change of L2 length up to 0.3")


def test_a_page_on_plain_http_under_another_name_works_too(visit: Visit, site: Any) -> None:
    """There browsers send no Sec-Fetch-Site, and scripts have no clipboard."""
    page = visit(root=site.url.replace("127.0.0.1", "dmae.test"))

    page.get_by_text("frog", exact=True).click()
    page.click("#go")
    job_id(page)
    site.worker.work()
    expect(page.locator("h1")).to_have_text("cat")
    page.get_by_role("button", name="Copy curl").click()

    expect(page.locator("#said")).to_have_text("Copied")
    assert page.evaluate("getSelection().toString()").startswith("curl ")


def test_a_job_is_followed_as_it_goes_through_a_refresh_to_its_end(
    visit: Visit, site: Any, picture: Any
) -> None:
    job = site.certify(picture(1), n=10_000)
    page = visit(f"/ui/jobs/{job}")

    expect(page.locator("h1")).to_have_text("Waiting")
    site.worker.step(3)
    expect(page.locator("h1")).to_have_text("Running")
    page.reload()
    percent = int(page.locator("progress").get_attribute("value") or 0)
    site.worker.step(20)
    expect(page.locator("#said")).to_have_text(re.compile(r"^(25|50) % done$"))
    assert int(page.locator("progress").get_attribute("value") or 0) > percent
    assert re.match(r"\d+ % · Running", page.title())
    site.worker.work()

    expect(page.locator("h1")).to_have_text("cat")
    assert page.title().startswith("cat, radius 0.")
    expect(page.locator("#said")).to_have_text("cat")


def test_two_tabs_show_one_job(visit: Visit, site: Any, picture: Any) -> None:
    path = f"/ui/jobs/{site.certify(picture(2))}"

    tabs = [visit(path), visit(path)]
    site.worker.work()

    for tab in tabs:
        expect(tab.locator("h1")).to_have_text("cat")


def test_a_tab_that_nobody_sees_holds_no_connection_and_follows_all_the_same(
    visit: Visit, site: Any, picture: Any
) -> None:
    page = visit(f"/ui/jobs/{site.certify(picture(9))}")
    expect(page.locator("#said")).to_have_text("0 % done")

    with page.expect_event("requestfailed", lambda request: request.url.endswith("/events")):
        page.evaluate("""() => {
          Object.defineProperty(document, "hidden", { get: () => true });
          document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
        }""")
    site.worker.work()

    expect(page.locator("h1")).to_have_text("cat")


def test_the_focus_stays_where_it_is_when_a_waiting_job_begins(
    visit: Visit, site: Any, picture: Any
) -> None:
    page = visit(f"/ui/jobs/{site.certify(picture(10), n=10_000)}")
    cancel = page.get_by_role("button", name="Cancel")

    cancel.focus()
    site.worker.step(2)

    expect(page.locator("h1")).to_have_text("Running")
    expect(cancel).to_be_focused()


def test_a_job_can_be_cancelled(visit: Visit, site: Any, picture: Any) -> None:
    page = visit(f"/ui/jobs/{site.certify(picture(3), n=10_000)}")

    site.worker.step(2)
    page.get_by_role("button", name="Cancel").click()

    expect(page.locator("h1")).to_have_text("Cancelled")
    expect(page.get_by_role("link", name="Ask again")).to_be_visible()


def test_stopping_an_anytime_job_keeps_what_it_has(visit: Visit, site: Any, picture: Any) -> None:
    page = visit(f"/ui/jobs/{site.certify(picture(4), mode='anytime', n=10_000)}")

    site.worker.step(6)
    expect(page.locator(".interim")).to_contain_text("So far: cat, radius 0.")
    page.get_by_role("button", name="Stop, and keep this").click()

    expect(page.locator("h1")).to_have_text("cat")
    expect(page.locator(".badge")).to_contain_text("Certified")


@pytest.mark.parametrize(("numerics", "called"), [("fast", True), ("sound", False)])
def test_what_is_shown_early_under_fast_numerics_is_called_heuristic(
    site: Any, picture: Any, numerics: str, called: bool
) -> None:
    job_id = site.certify(picture(4), mode="anytime", n=10_000, numerics=numerics)
    site.worker.step(6)

    text = site.get(f"/ui/jobs/{job_id}").text

    assert "So far: cat, radius 0." in text
    assert ("This holds as it stands, heuristically, with" in text) == called


def test_an_abstention_says_what_to_change_and_leads_there(
    visit: Visit, site: Any, picture: Any
) -> None:
    site.worker.doubt = 10
    page = visit(f"/ui/jobs/{site.certify(picture(5))}")
    site.worker.work()

    expect(page.locator("h1")).to_have_text("Nothing certified")
    page.get_by_role("link", name="Ask that").first.click()
    expect(page.get_by_role("radio", name="as before")).to_be_checked()
    expect(page.locator("#bound")).to_have_value("runner-up")
    page.click("#go")
    job_id(page)
    site.worker.doubt = 1
    site.worker.work()

    expect(page.locator("h1")).to_have_text("cat")
    expect(page.locator(".proof")).to_contain_text("2 different questions")


def test_jobs_can_be_listed_filtered_and_compared(visit: Visit, site: Any, picture: Any) -> None:
    first = site.certify(picture(7), sigma=0.25)
    site.certify(picture(7), sigma=0.5)
    site.worker.work()
    site.certify(picture(8))
    page = visit("/ui/jobs")

    expect(page.locator(".job")).to_have_count(3)
    page.get_by_role("link", name="Finished").click()
    expect(page.locator(".job")).to_have_count(2)
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("thead th")).to_have_count(2)
    page.locator("thead a").last.click()

    assert job_id(page) == first
