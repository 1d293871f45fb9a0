"""SECURITY.md keeps its word, and the service tells whom to tell."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "SECURITY.md").read_text()


def test_every_test_that_the_page_names_exists() -> None:
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    there_are = set(re.findall(r"^(?:async )?def (test_\w+)\(", tests, re.MULTILINE))
    named = set(re.findall(r"`(test_\w+)`", PAGE))

    assert named - there_are == set()
    assert len(named) > 100


def test_every_row_names_a_test() -> None:
    defences = PAGE.split("## Attacks on the certificate itself")[1]
    rows = [line for line in defences.splitlines() if line.startswith("| **")]

    assert [row for row in rows if "`test_" not in row] == []
    assert len(rows) > 25


@pytest.mark.anyio
@pytest.mark.redis
async def test_a_service_says_whom_to_tell(serve: Callable[..., Any]) -> None:
    service = await serve(security_contact="mailto:security@example.com")

    answer = await service.http.get("/.well-known/security.txt")

    fields = dict(line.split(": ", 1) for line in answer.text.splitlines())
    expires = datetime.fromisoformat(fields["Expires"])
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert fields["Contact"] == "mailto:security@example.com"
    assert timedelta(days=30) < expires - datetime.now(UTC) < timedelta(days=365)


@pytest.mark.anyio
@pytest.mark.redis
async def test_a_service_that_was_told_nobody_names_nobody(
    service: Any, problem: Callable[..., Any]
) -> None:
    problem(await service.http.get("/.well-known/security.txt"), 404, "not-found")


@pytest.mark.anyio
@pytest.mark.redis
@pytest.mark.parametrize("path", ["/", "/models", "/jobs", "/openapi.json", "/nothing", "/docs"])
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
async def test_no_answer_is_for_pages_of_other_sites(service: Any, path: str, method: str) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}

    answer = await service.http.request(method, path, headers=asked)

    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert answer.status_code < 500
