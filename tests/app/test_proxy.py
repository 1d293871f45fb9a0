"""Behind a proxy that ends HTTPS, on a path of its own, under a name of its own."""

import re
from collections.abc import AsyncIterator, Callable
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app.access.authenticator import MAX_GUESSES

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

NAME = "certify.example.com"
WRONG = "dmae_0123456789ab_" + "A" * 43
FORWARDED = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https", "Host": NAME}


@pytest.fixture
async def behind(serve: Callable[..., Any]) -> AsyncIterator[httpx.AsyncClient]:
    """The service as its proxy at 127.0.0.1 sees it, which passes Host and X-Forwarded-*."""
    service = await serve(allowed_hosts=NAME)
    app = ProxyHeadersMiddleware(service.app, trusted_hosts="127.0.0.1")
    transport = httpx.ASGITransport(app, root_path="/api")
    async with httpx.AsyncClient(
        transport=transport, base_url=f"http://{NAME}", headers=FORWARDED
    ) as http:
        yield http


async def test_links_lead_through_the_proxy(
    behind: httpx.AsyncClient, make_key: Callable[..., str], picture: Callable[..., bytes]
) -> None:
    answer = await behind.post(
        "/api/certify",
        files={"image": picture()},
        data={"sigma": "0.25"},
        headers={"X-API-Key": make_key()},
    )

    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == job["links"]["self"] == f"/api/jobs/{job['id']}"


async def test_a_proxy_on_this_machine_lets_nobody_in_without_a_key(
    behind: httpx.AsyncClient,
) -> None:
    assert (await behind.get("/api/models")).status_code == 401


async def test_a_browser_that_came_by_https_gets_a_cookie_for_https_on_that_path(
    behind: httpx.AsyncClient, make_key: Callable[..., str]
) -> None:
    answer = await behind.post(
        "/api/ui/login",
        data={"key": make_key()},
        headers={"Origin": f"https://{NAME}", "Sec-Fetch-Site": "same-origin"},
    )

    (cookie,) = SimpleCookie(answer.headers["set-cookie"]).values()
    assert (answer.status_code, answer.headers["location"]) == (303, "/api/")
    assert (cookie["secure"], cookie["path"]) == (True, "/api")


@pytest.mark.parametrize("path", ["/", "/ui/jobs", "/ui/login"])
async def test_a_page_leads_to_nothing_outside_its_path(
    behind: httpx.AsyncClient, make_key: Callable[..., str], path: str
) -> None:
    headers = {"X-API-Key": make_key(), "Accept": "text/html"}

    page = (await behind.get(f"/api{path}", headers=headers)).text

    links = re.findall(r'(?:href|src|action|data-\w+)="(/[^"]*)"', page)
    assert len(links) > 3
    assert [link for link in links if not link.startswith("/api/")] == []


async def test_guesses_are_counted_where_they_come_from_and_not_at_the_proxy(
    behind: httpx.AsyncClient,
) -> None:
    wrong = {"X-API-Key": WRONG}
    for _ in range(MAX_GUESSES + 1):
        answer = await behind.get("/api/models", headers=wrong)
    elsewhere = await behind.get("/api/models", headers=wrong | {"X-Forwarded-For": "192.0.2.8"})

    assert (answer.status_code, elsewhere.status_code) == (429, 401)


async def test_only_the_proxy_s_name_is_served_but_probes_are_answered(
    behind: httpx.AsyncClient,
) -> None:
    other = {"Host": "10.0.0.1:8000"}

    assert (await behind.get("/api/models", headers=other)).status_code == 421
    assert (await behind.get("/api/livez", headers=other)).status_code == 200
