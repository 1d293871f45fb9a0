"""What the form says when something is wrong, and what it keeps."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.redis, pytest.mark.slow]

Visit = Callable[..., Page]


def post(site: Any, *, image: bytes = b"", **fields: str) -> httpx.Response:
    """As a browser sends the form: every field, also those that are empty or hidden."""
    data = {
        "source": "file",
        "mode": "adaptive",
        "model": "tiny.colours",
        "sigma": "0.25",
        "bound": "top",
        "numerics": "sound",
    }
    data |= dict.fromkeys(("n", "n0", "alpha", "precision", "radius", "family_size"), "")
    return httpx.post(f"{site.url}/ui/jobs", files={"image": ("", image)}, data=data | fields)


def asked(site: Any, answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 303, answer.text
    return site.get(answer.headers["location"].removeprefix("/ui")).json()


def test_a_mistake_is_named_at_its_field_and_at_the_top_and_the_file_is_kept(
    visit: Visit, picture_file: Path
) -> None:
    page = visit()

    page.set_input_files("#image", picture_file)
    page.locator("summary", has_text="Advanced").click()
    page.fill("#n", "3")
    page.click("#go")

    summary = page.locator("#problems section")
    expect(summary).to_be_focused()
    expect(summary.get_by_role("link")).to_contain_text("Draws n: n must be at least")
    expect(page.locator("#n")).to_have_attribute("aria-describedby", "n-hint n-fault")
    expect(page.locator("#n-fault")).to_be_visible()
    assert page.evaluate("document.querySelector('#image').files[0].name") == "image.png"
    summary.get_by_role("link").click()
    expect(page.locator("#n")).to_be_focused()


def test_after_the_mistake_is_corrected_the_form_is_sent(visit: Visit, picture_file: Path) -> None:
    page = visit()

    page.set_input_files("#image", picture_file)
    page.get_by_text("Is it at least r?").click()
    page.click("#go")
    expect(page.locator("#radius-fault")).to_contain_text("is required in mode decide")
    page.fill("#radius", "0.1")
    page.click("#go")

    page.wait_for_url("**/ui/jobs/*")


def test_without_scripts_all_but_the_file_is_kept(visit: Visit, picture_file: Path) -> None:
    page = visit(java_script_enabled=False)

    page.set_input_files("#image", picture_file)
    page.locator("summary", has_text="Advanced").click()
    page.fill("#alpha", "7")
    page.get_by_text("A fixed number of draws").click()
    page.click("#go")

    expect(page.locator("#problems")).to_contain_text("Alpha: input should be less than or equal")
    expect(page.locator("#problems")).to_contain_text("Choose your file again")
    expect(page.locator("#alpha")).to_have_value("7")
    expect(page.locator("[name=mode][value=fixed]")).to_be_checked()
    expect(page.locator("#advanced")).to_have_attribute("open", "")
    assert page.title().startswith("Please correct")


def test_only_the_fields_of_the_mode_are_shown(visit: Visit) -> None:
    page = visit(java_script_enabled=False)
    page.locator("summary", has_text="Advanced").click()

    shown = {}
    for mode in ("adaptive", "anytime", "decide", "fixed", "predict"):
        page.check(f"[name=mode][value={mode}]")
        names = ("n", "n0", "precision", "bound", "radius", "alpha")
        shown[mode] = {name for name in names if page.locator(f"#{name}").is_visible()}

    assert shown == {
        "adaptive": {"n", "alpha", "precision", "bound"},
        "anytime": {"n", "alpha"},
        "decide": {"n", "alpha", "radius"},
        "fixed": {"n", "alpha", "n0", "bound"},
        "predict": {"n", "alpha"},
    }


def test_fields_that_the_mode_does_not_read_do_no_harm(site: Any, picture: Any) -> None:
    answer = post(
        site, image=picture(), mode="predict", radius="0.2", precision="0.1", n0="5", bound="top"
    )

    params = asked(site, answer)["params"]
    assert params == {
        "sigma": 0.25,
        "mode": "predict",
        "alpha": 0.001,
        "numerics": "sound",
        "n": 1000,
    }


def test_the_nearest_value_that_is_named_is_taken(site: Any, picture: Any) -> None:
    question = {"mode": "decide", "sigma": "0.5", "n": "10000"}
    refused = post(site, image=picture(25), radius="5", **question)
    (nearest,) = set(re.findall(r"the nearest is ([\d.]+)", refused.text))

    answer = post(site, image=picture(25), radius=nearest, **question)

    assert asked(site, answer)["params"]["radius"] == float(nearest)


def test_no_image_at_all_is_said_in_plain_words(site: Any) -> None:
    answer = post(site)

    assert answer.status_code == 422
    assert "Image: choose a file, or take an example" in answer.text


def test_an_empty_file_is_said_to_be_empty(site: Any) -> None:
    files = {"image": ("empty.png", b"")}

    answer = httpx.post(f"{site.url}/ui/jobs", files=files, data={"sigma": "0.25"})

    assert answer.status_code == 422
    assert "Image: the image is empty (0 bytes)" in answer.text


def test_a_count_may_be_written_as_the_pages_write_it(site: Any, picture: Any) -> None:
    answer = post(site, image=picture(26), n="1,024")

    assert asked(site, answer)["params"]["n"] == 1024


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"n": "many"}, "Draws n: must be a whole number, such as 10000"),
        ({"n": "1,02"}, "Draws n: must be a whole number, such as 10000"),
        ({"alpha": "0,05"}, "Alpha: must be a number, such as 0.25"),
    ],
)
def test_what_is_no_number_is_said_in_plain_words(
    site: Any, picture: Any, fields: dict[str, str], said: str
) -> None:
    assert said in post(site, image=picture(27), **fields).text


def test_a_file_that_is_no_image_keeps_the_rest_of_the_form(site: Any) -> None:
    answer = post(site, image=b"GIF89a, perhaps", n="4321")

    assert answer.status_code == 415
    assert 'aria-describedby="image-hint image-fault"' in answer.text
    assert 'value="4321"' in answer.text


def test_what_was_entered_is_text_and_nothing_else(site: Any) -> None:
    answer = post(site, n='"><script>alert(1)</script>', source="<b>")

    assert answer.status_code in {404, 422}
    assert "<script>alert" not in answer.text


@pytest.mark.parametrize("name", ["cat", "freighter"])
def test_an_example_is_certified_like_any_upload(site: Any, name: str) -> None:
    image = asked(site, post(site, source=name))["image"]

    assert image["original_size"] == ([960, 720] if name == "freighter" else [32, 32])


def test_a_file_goes_before_an_example(site: Any, picture: Any) -> None:
    image = asked(site, post(site, image=picture(), source="cat"))["image"]

    assert image["original_size"] == [64, 48]


def test_the_image_of_an_earlier_job_can_be_asked_about_again(site: Any, picture: Any) -> None:
    before = site.certify(picture(21))

    job = asked(site, post(site, source=before, sigma="0.5"))

    assert job["params"]["sigma"] == 0.5
    assert job["image"] == site.get(f"/jobs/{before}").json()["image"]


def test_the_form_of_an_earlier_job_asks_what_that_asked(site: Any, picture: Any) -> None:
    before = site.certify(picture(22), mode="decide", radius=0.125, n="", alpha=0.01, sigma=0.5)

    page = site.get(f"/?from={before}&radius=0.2").text

    assert 'name="radius" inputmode="decimal" value="0.2"' in page
    assert 'name="alpha" inputmode="decimal" placeholder="0.001" value="0.01"' in page
    assert 'name="mode" value="decide" data-n="100000" data-at-most="yes" checked' in page
    assert f'value="{before}" checked' in page


def test_a_job_that_is_gone_leaves_an_empty_form(site: Any) -> None:
    page = site.get("/?from=019a9f0e-8c3a-7d11-9b5e-3f1c2a4d5e6f")

    assert page.status_code == 200
    assert "as before" not in page.text


def test_a_full_service_says_when_to_come_again(
    site: Any,  # noqa: ARG001 - empties the store
    new_site: Callable[..., Any],
    picture: Any,
) -> None:
    busy = new_site(backlog_limit_draws=150_000)

    post(busy, image=picture(23))
    answer = post(busy, image=picture(24))

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert "draws are waiting for this model" in answer.text
    assert "n-fault" not in answer.text


def test_a_body_that_is_too_long_is_told_as_a_page(new_site: Callable[..., Any]) -> None:
    small = new_site(max_upload_bytes=1000)

    declared = post(small, image=b"x" * 200_000)
    within = post(small, image=b"x" * 2_000)

    assert (declared.status_code, within.status_code) == (413, 413)
    assert '<h1 id="title">The body is too large' in declared.text
    assert "at most 1000 bytes" in within.text


def test_a_large_file_is_refused_before_it_is_sent(
    visit: Visit, new_site: Callable[..., Any], picture_file: Path
) -> None:
    page = visit(root=new_site(max_upload_bytes=100).url)

    page.set_input_files("#image", picture_file)

    expect(page.locator("#problems section")).to_have_text("Image: at most 100 bytes, please.")


def test_a_file_that_is_no_image_is_told_in_words(site: Any) -> None:
    answer = post(site, image=b"hello")

    assert answer.status_code == 415
    assert "Image: the file is no image that is known" in answer.text
    assert "not_an_image" not in answer.text


def test_a_form_that_came_back_is_still_the_form(site: Any) -> None:
    answer = post(site)

    assert answer.text.count('aria-current="page"') == 1
    assert 'aria-current="page">Certify' in answer.text
