"""Browsers may use the service only from its own pages, and under its own names."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

Problem = Callable[..., dict[str, Any]]
JOB = "/jobs/019a9f0e-8c3a-7d11-9b5e-3f1c2a4d5e6f"


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "LOCALHOST", "127.0.0.1:80", "[::1]:8000"]
)
async def test_loopback_names_are_served(service: Any, host: str) -> None:
    answer = await service.http.get("/problems", headers={"Host": host})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "", "a b", "[::2]"]
)
async def test_a_name_that_was_rebound_is_not(service: Any, problem: Problem, host: str) -> None:
    problem(await service.http.get("/models", headers={"Host": host}), 421, "host-not-allowed")


async def test_probes_are_answered_under_any_name(service: Any) -> None:
    answer = await service.http.get("/livez", headers={"Host": "10.1.2.3:8000"})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("allowed", "host", "status"),
    [
        (("*",), "anything.example", 200),
        (("*.example.com",), "api.example.com", 200),
        (("*.example.com",), "example.com", 421),
        (("*.example.com",), "evilexample.com", 421),
        (("api.example.com",), "localhost", 421),
    ],
)
async def test_operators_choose_the_names(
    serve: Callable[..., Any], allowed: tuple[str, ...], host: str, status: int
) -> None:
    service = await serve(allowed_hosts=allowed)

    answer = await service.http.get("/problems", headers={"Host": host})

    assert answer.status_code == status


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    ],
)
async def test_pages_of_other_sites_cannot_post(
    service: Any, problem: Problem, picture: Callable[..., bytes], headers: dict[str, str]
) -> None:
    posted = await service.certify(picture(), headers=headers)
    deleted = await service.http.delete(JOB, headers=headers)

    problem(posted, 403, "cross-site-request")
    problem(deleted, 403, "cross-site-request")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://localhost"},
    ],
)
async def test_programs_and_our_own_pages_can(
    service: Any, picture: Callable[..., bytes], headers: dict[str, str]
) -> None:
    assert (await service.certify(picture(), headers=headers)).status_code == 202


@pytest.mark.parametrize("path", ["/models", "/docs", "/nothing", "/docs/docs.js"])
async def test_every_answer_carries_the_headers_of_a_careful_service(
    service: Any, path: str
) -> None:
    headers = (await service.http.get(path)).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-request-id"]


async def test_a_request_keeps_the_id_it_came_with(service: Any) -> None:
    answer = await service.http.get("/livez", headers={"X-Request-Id": "trace-1.a_B"})

    assert answer.headers["x-request-id"] == "trace-1.a_B"


@pytest.mark.parametrize("offered", ["x" * 65, 'a"b', "a b", "a\tb"])
async def test_an_id_that_is_not_safe_to_log_is_replaced(service: Any, offered: str) -> None:
    answer = await service.http.get("/livez", headers={"X-Request-Id": offered})

    assert answer.headers["x-request-id"] != offered
