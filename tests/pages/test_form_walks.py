"""What the form does in a browser as it is filled in."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.redis, pytest.mark.slow]

Visit = Callable[..., Page]


def test_a_picture_can_be_dropped_or_pasted(visit: Visit, picture: Any) -> None:
    page = visit()
    give = """([kind, bytes]) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([new Uint8Array(bytes)], "mine.png", {type: "image/png"}));
      const options = {bubbles: true, cancelable: true};
      document.body.dispatchEvent(kind === "drop"
        ? new DragEvent(kind, {...options, dataTransfer: transfer})
        : new ClipboardEvent(kind, {...options, clipboardData: transfer}));
    }"""

    for kind in ("drop", "paste"):
        page.evaluate("document.querySelector('#image').value = ''")
        page.evaluate(give, [kind, list(picture(6))])

        expect(page.locator("#said")).to_have_text("Chosen: mine.png")
        assert page.evaluate("document.querySelector('#image').files[0].name") == "mine.png"
        page.wait_for_function("document.querySelector('#chosen').naturalWidth === 64")


def test_what_is_dropped_and_is_no_picture_is_refused_where_all_can_see_it(visit: Visit) -> None:
    page = visit()

    page.evaluate("""() => {
      const transfer = new DataTransfer();
      transfer.items.add(new File(["%PDF"], "mine.pdf", {type: "application/pdf"}));
      const options = {bubbles: true, cancelable: true, dataTransfer: transfer};
      document.body.dispatchEvent(new DragEvent("drop", options));
    }""")

    expect(page.locator("#problems")).to_contain_text("no picture")
    expect(page.locator("#problems .problem")).to_be_focused()


def test_text_may_be_dragged_into_a_field(visit: Visit) -> None:
    page = visit()

    left_alone = page.evaluate("""() => ["dragover", "drop"].map((kind) => {
      const transfer = new DataTransfer();
      transfer.setData("text/plain", "1000");
      const options = {bubbles: true, cancelable: true, dataTransfer: transfer};
      return document.querySelector("#n").dispatchEvent(new DragEvent(kind, options));
    })""")

    assert left_alone == [True, True]
    expect(page.locator("#problems")).to_be_empty()


def test_an_example_takes_the_place_of_a_file_and_the_reverse(
    visit: Visit, picture_file: Path
) -> None:
    page = visit()

    page.set_input_files("#image", picture_file)
    page.get_by_text("freighter", exact=True).click()
    assert page.evaluate("document.querySelector('#image').files.length") == 0
    page.set_input_files("#image", picture_file)

    expect(page.get_by_role("radio", name="My file")).to_be_checked()


def test_going_back_from_the_answer_keeps_what_was_asked(visit: Visit) -> None:
    page = visit()

    page.get_by_text("freighter", exact=True).click()
    page.locator("summary", has_text="Advanced").click()
    page.fill("#n", "1500")
    page.fill("#alpha", "0.01")
    page.click("#go")
    page.wait_for_url("**/ui/jobs/*")
    page.go_back()

    expect(page.locator("#alpha")).to_be_visible()
    expect(page.locator("#alpha")).to_have_value("0.01")
    expect(page.locator("#n")).to_have_value("1500")
    expect(page.locator("#expected")).to_contain_text("1,500 draws")


def test_a_model_offers_its_own_noise_levels(visit: Visit) -> None:
    page = visit()

    page.select_option("#model", "tiny.shapes")

    expect(page.get_by_role("radio", name="0.12")).to_be_checked()
    expect(page.get_by_role("radio", name="0.25")).to_be_hidden()


def test_that_no_worker_is_there_is_said_whatever_is_asked(
    visit: Visit, site: Any, new_site: Callable[..., Any]
) -> None:
    site.worker.beat(state="starting")
    # One that has not seen another state a moment ago.
    page = visit(root=new_site().url)

    page.get_by_text("The class alone").click()

    expect(page.locator("#expected")).to_contain_text(re.compile(r"^1,000 draws.* No worker holds"))


def test_the_expected_time_follows_the_question(visit: Visit, site: Any) -> None:
    site.worker.beat()
    page = visit()

    before = page.locator("#expected").inner_text()
    page.get_by_text("The class alone").click()

    assert before == "At most 100,000 draws, 4 min 10 s at 400 draws a second; usually far fewer."
    expect(page.locator("#expected")).to_have_text("1,000 draws, about 3 s at 400 draws a second.")
