"""What the web process logs of a request, and what it never logs."""

import base64
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.logs import configure_logging
from jobs.logs import JsonLines

pytestmark = pytest.mark.redis


class _Lines(logging.Handler):
    """Keeps the lines of the log as the process writes them."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonLines())
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("http"):
            return  # the client, which the process has none of
        self.lines.append(json.loads(self.format(record)))


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    """The lines that every logger of the process writes, down to the least important."""
    handler, root = _Lines(), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler.lines
    root.setLevel(before)
    root.removeHandler(handler)


def of_requests(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line["message"] == "request"]


@pytest.mark.anyio
async def test_a_line_names_its_request_its_job_and_the_key_s_id(
    serve: Callable[..., Any], make_key: Callable[..., str], picture: Any, lines: Any
) -> None:
    key = make_key()
    service = await serve(keys="required")
    headers = {"Authorization": f"Bearer {key}", "X-Request-Id": "asked-1"}

    made = await service.certify(picture(1), headers=headers)
    job_id = made.json()["id"]
    await service.http.get(f"/jobs/{job_id}", headers=headers | {"X-Request-Id": "asked-2"})

    first, second = of_requests(lines)
    key_id = key.split("_")[1]
    assert made.status_code == 202
    assert [(line["request_id"], line["job_id"], line["key_id"]) for line in (first, second)] == [
        ("asked-1", job_id, key_id),
        ("asked-2", job_id, key_id),
    ]


@pytest.mark.anyio
async def test_no_key_no_name_of_a_file_and_no_pixel_is_ever_logged(
    serve: Callable[..., Any], make_key: Callable[..., str], picture: Any, lines: Any
) -> None:
    key, wrong = make_key(), "dmae_0123456789abcdef_" + "w" * 43
    service = await serve(keys="required")
    image = picture(1)
    for sent, secret in ((image, key), (b"no image at all" * 9, key), (image, wrong)):
        for name in ("Authorization", "X-API-Key"):
            value = f"Bearer {secret}" if name == "Authorization" else secret
            await service.http.post(
                "/certify",
                files={"image": ("my-diagnosis.png", sent, "image/png")},
                data={"sigma": "0.25", "mode": "fixed"},
                headers={name: value, "Cookie": "session=of-a-browser"},
            )
    await service.http.get("/jobs?token=in-the-query")

    text = "\n".join(json.dumps(line) for line in lines)

    assert [line["status"] for line in of_requests(lines)] == [202, 202, 415, 415, *[401] * 3]
    secrets = [key, key.split("_")[2], wrong, "w" * 43, "my-diagnosis"]
    secrets += ["in-the-query", "of-a-browser", "no image at all"]
    secrets += [base64.b64encode(image).decode()[:40], repr(image)[2:42], image.hex()[:40]]
    assert [secret for secret in secrets if secret in text] == []


def test_a_client_within_the_process_does_not_log_where_it_goes() -> None:
    root, client = logging.getLogger(), logging.getLogger("httpx")
    before = root.handlers, root.level, client.level
    try:
        configure_logging("DEBUG")

        assert client.getEffectiveLevel() == logging.WARNING
    finally:
        root.handlers, root.level, client.level = before
