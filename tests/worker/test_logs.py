"""What a worker logs of a job."""

import json
import logging
from collections.abc import Iterator
from contextvars import Context
from dataclasses import replace
from typing import Any

import pytest

from jobs import store
from jobs.logs import JsonLines, concerning

pytestmark = pytest.mark.redis


class _Lines(logging.Handler):
    """Keeps the lines of the log as the process writes them."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonLines())
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(self.format(record)))


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    """The lines of the worker's room, down to the least important."""
    handler, logger = _Lines(), logging.getLogger("worker")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler.lines
    logger.setLevel(logging.NOTSET)
    logger.removeHandler(handler)


def test_chunks_and_the_end_of_a_job_are_logged_with_the_request_that_asked_for_it(
    world: Any, jobs: Any, lines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = store.submit
    monkeypatch.setattr(
        "jobs.store.submit",
        lambda spec, **more: asked(replace(spec, request_id="asked-1"), **more),
    )
    spec = jobs.submit()
    world.drawing.admit(jobs.model)

    world.work()

    chunks = [line for line in lines if line["message"] == "chunk drawn"]
    (end,) = [line for line in lines if line["message"] == "job succeeded"]
    assert {(line["job_id"], line["request_id"], line["level"]) for line in chunks} == {
        (spec.id, "asked-1", "debug")
    }
    assert sum(line["stop"] - line["start"] for line in chunks) == 120
    assert (end["job_id"], end["request_id"], end["level"]) == (spec.id, "asked-1", "info")
    assert end["verdict"] in {"certified", "abstained"}


def test_an_error_of_a_chunk_names_its_job(world: Any, jobs: Any, lines: Any) -> None:
    spec = jobs.submit()
    world.drawing.admit(jobs.model)
    world.errors.append(RuntimeError("no memory"))

    world.work()

    (failed,) = [line for line in lines if line["message"] == "chunk failed"]
    assert (failed["job_id"], failed["level"]) == (spec.id, "error")
    assert "no memory" in failed["exception"]


def test_what_a_thread_is_about_is_forgotten_after() -> None:
    formatter, record = JsonLines(), logging.makeLogRecord({"msg": "x", "levelname": "INFO"})

    def lines() -> tuple[dict[str, object], dict[str, object]]:
        with concerning(job_id="a"), concerning(request_id="b", key_id=None):
            within = json.loads(formatter.format(record))
        return within, json.loads(formatter.format(record))

    within, after = Context().run(lines)  # whatever another test's request left in this thread

    assert (within["job_id"], within["request_id"]) == ("a", "b")
    assert "key_id" not in within
    assert not {"job_id", "request_id"} & after.keys()
