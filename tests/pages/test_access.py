"""Pages where an API key is needed, and pages that are not there."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from app.access.keys import new_key
from jobs import api_keys
from jobs.caller import Quota

pytestmark = [pytest.mark.redis, pytest.mark.slow]

Visit = Callable[..., Page]
NOBODYS = "019a9f0e-8c3a-7d11-9b5e-3f1c2a4d5e6f"


@pytest.fixture(scope="session")
def locked_site(new_site: Callable[..., Any]) -> Any:
    return new_site(keys="required")


@pytest.fixture
def locked(site: Any, locked_site: Any) -> Any:  # noqa: ARG001 - empties the store
    return locked_site


@pytest.fixture
def key(site: Any) -> str:
    made = new_key(
        name="ada", scopes=frozenset({"certify", "read"}), quota=Quota(), now=1_700_000_000.0
    )
    site.worker.run(api_keys.create(made.key))
    return made.text


def test_a_visitor_logs_in_with_a_key_and_then_sees_a_job_to_its_end(
    visit: Visit, site: Any, locked: Any, key: str
) -> None:
    page = visit("/ui/jobs?state=queued", root=locked.url)

    expect(page.locator("h1")).to_have_text("Sign in")
    page.fill("#key", "dmae_wrong_key")
    page.keyboard.press("Enter")
    expect(page.locator("#key-fault")).to_contain_text("never made")
    page.fill("#key", key)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("h1")).to_have_text("Jobs")
    assert page.url.endswith("/ui/jobs?state=queued")
    page.get_by_role("link", name="Certify", exact=True).click()
    page.get_by_text("cat", exact=True).click()
    page.click("#go")
    page.wait_for_url("**/ui/jobs/*")
    site.worker.work()
    expect(page.locator("h1")).to_have_text("cat")
    expect(page.locator("#curl")).to_contain_text("Authorization: Bearer $DMAE_API_KEY")
    page.get_by_role("button", name="Sign out").click()

    expect(page.locator("h1")).to_have_text("Sign in")


@pytest.mark.parametrize("path", ["/", "/ui/jobs", f"/ui/jobs/{NOBODYS}", "/ui/compare"])
def test_without_a_key_every_page_leads_to_where_one_signs_in(locked: Any, path: str) -> None:
    answer = locked.get(path)

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/ui/login?next=")


def test_a_form_that_is_sent_without_a_key_is_refused_as_a_page(locked: Any) -> None:
    answer = httpx.post(f"{locked.url}/ui/jobs", files={"image": ("x", b"")})

    assert answer.status_code == 401
    assert "An API key is needed" in answer.text


def test_another_tenant_s_job_is_not_there(locked: Any, site: Any, key: str, picture: Any) -> None:
    theirs = locked.certify(picture(31), key=key)
    other = new_key(name="eve", scopes=frozenset({"read"}), quota=Quota(), now=1_700_000_000.0)
    site.worker.run(api_keys.create(other.key))
    headers = {"Authorization": f"Bearer {other.text}"}

    answers = [
        locked.get(path, headers=headers)
        for path in (f"/ui/jobs/{theirs}", f"/jobs/{theirs}/pictures/input.png")
    ]

    assert [answer.status_code for answer in answers] == [404, 404]


@pytest.mark.parametrize(
    ("path", "status", "heading"),
    [
        (f"/ui/jobs/{NOBODYS}", 404, "There is no such job"),
        ("/ui/jobs/nonsense", 404, "There is no such job"),
        ("/ui", 404, "There is nothing at this path"),
        ("/ui/nothing", 404, "There is nothing at this path"),
        ("/ui/jobs?state=odd", 422, "A parameter is missing, unknown or out of range"),
        ("/ui/jobs?cursor=odd", 422, "A parameter is missing, unknown or out of range"),
    ],
)
def test_what_is_not_there_is_told_as_a_page(
    site: Any, path: str, status: int, heading: str
) -> None:
    answer = site.get(path)

    assert (answer.status_code, answer.headers["content-type"]) == (
        status,
        "text/html; charset=utf-8",
    )
    assert f'<h1 id="title">{heading}' in answer.text
    assert answer.headers["x-request-id"] in answer.text


def test_what_is_not_there_is_told_without_a_body_too(site: Any) -> None:
    answer = httpx.head(f"{site.url}/ui/nothing")

    assert (answer.status_code, answer.content) == (404, b"")


def test_a_deleted_job_is_told_to_be_gone(site: Any, picture: Any) -> None:
    job = site.certify(picture(32))
    httpx.delete(f"{site.url}/jobs/{job}").raise_for_status()

    answer = site.get(f"/ui/jobs/{job}")

    assert answer.status_code == 410
    assert "The job is no more" in answer.text


def test_a_page_of_another_site_may_not_send_the_form(site: Any) -> None:
    answer = httpx.post(f"{site.url}/ui/jobs", headers={"Origin": "http://evil.example"})

    assert answer.status_code == 403
    assert "Pages of other sites may not do this" in answer.text


def test_a_certificate_that_its_votes_do_not_prove_is_not_shown(site: Any, picture: Any) -> None:
    job = site.certify(picture(33))
    site.worker.work()
    site.worker.edit(job, "certificate", lambda text: text.replace('"radius":0.', '"radius":1.'))

    answer = site.get(f"/ui/jobs/{job}")

    assert answer.status_code == 409
    assert "The stored certificate does not follow from its counts" in answer.text


def test_nothing_to_compare_is_said(site: Any) -> None:
    assert "Choose up to four jobs" in site.get("/ui/compare").text


def test_the_api_keeps_its_own_errors(site: Any) -> None:
    assert site.get(f"/jobs/{NOBODYS}").headers["content-type"] == "application/problem+json"
