"""The page that tells whether a certificate is genuine."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.redis, pytest.mark.slow]

Visit = Callable[..., Page]


@pytest.fixture
def image(picture: Callable[..., bytes]) -> bytes:
    return picture(21)


@pytest.fixture
def certificate(site: Any, image: bytes) -> bytes:
    """As it is downloaded."""
    job_id = site.certify(image)
    site.worker.work()
    return site.get(f"/jobs/{job_id}/certificate").content


def file(content: bytes, name: str = "certificate.json") -> Any:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}


def row(page: Page, check: str) -> Any:
    return page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=check, exact=True))


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_a_visitor_verifies_a_certificate_and_the_picture_that_it_is_about(
    visit: Visit, certificate: bytes, image: bytes, *, scripts: bool
) -> None:
    page = visit(java_script_enabled=scripts)

    page.get_by_role("link", name="Verify").click()
    page.set_input_files("#certificate", file(certificate))
    page.set_input_files("#image", file(image, "image.png"))
    page.get_by_role("button", name="Verify").click()

    expect(page.locator("#outcome")).to_contain_text("It is genuine")
    expect(page.locator(".lead")).to_contain_text("Except with probability 0.001")
    for check in ("signature", "counts", "upload", "tensor"):
        expect(row(page, check)).to_contain_text("yes")


def test_another_picture_is_told(
    visit: Visit, certificate: bytes, picture: Callable[..., bytes]
) -> None:
    page = visit("/ui/verify")

    page.set_input_files("#certificate", file(certificate))
    page.get_by_role("button", name="Verify").click()
    expect(page.locator("main")).to_contain_text("Which picture it is about was not checked")

    page.set_input_files("#certificate", file(certificate))
    page.set_input_files("#image", file(picture(22), "image.png"))
    page.get_by_role("button", name="Verify").click()

    expect(page.locator("#outcome")).to_have_text("It is genuine, but about another file")
    expect(page.locator(".lead")).to_have_count(0)
    expect(row(page, "upload")).to_contain_text("no")


def test_a_changed_certificate_is_invalid_and_what_it_claims_is_not_repeated(
    visit: Visit, certificate: bytes
) -> None:
    changed = certificate.replace(b'"radius":0.', b'"radius":9.')
    assert changed != certificate
    page = visit("/ui/verify")

    page.set_input_files("#certificate", file(changed))
    page.get_by_role("button", name="Verify").click()

    expect(page.locator("#outcome")).to_have_text("Do not rely on it")
    expect(row(page, "signature")).to_contain_text("no")
    expect(page.locator(".lead")).to_have_count(0)


def test_without_a_certificate_the_page_asks_for_one(visit: Visit) -> None:
    page = visit("/ui/verify")

    page.get_by_role("button", name="Verify").click()

    expect(page.locator("#certificate-fault")).to_contain_text("choose the file of a certificate")
    expect(page.locator("#certificate")).to_have_attribute(
        "aria-describedby", "certificate-hint certificate-fault"
    )


@pytest.mark.parametrize("content", [b"{", b"<script>alert(1)</script>", b"\xff\0" * 50])
def test_what_is_no_certificate_is_told_and_shown_as_text(site: Any, content: bytes) -> None:
    answer = httpx.post(f"{site.url}/ui/verify", files={"certificate": ("x", content)})

    assert answer.status_code == 200
    assert "Do not rely on it" in answer.text
    assert "<script>alert" not in answer.text


def test_a_certificate_that_is_too_large_is_refused_with_the_limit(site: Any) -> None:
    answer = httpx.post(f"{site.url}/ui/verify", files={"certificate": ("x", bytes(3_000_000))})

    assert answer.status_code == 422
    assert "2097152" in answer.text
