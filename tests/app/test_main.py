"""The application can be imported and started without what only workers need."""

import gc
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from app.main import from_environment
from app.request_id import begin_request
from jobs.logs import JsonLines


def test_importing_the_application_loads_no_network_library_and_no_worker() -> None:
    code = (
        "import sys, app.main\n"
        "heavy = {'torch', 'torchvision', 'timm', 'worker', 'training', 'scipy.stats'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )

    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")


def test_the_package_has_no_attribute_of_its_own_name() -> None:
    import app

    assert not hasattr(app, "app")


@pytest.fixture
def tests_garbage() -> Iterator[None]:
    """The tests' own garbage is collected afterwards as before."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.mark.usefixtures("tests_garbage")
def test_the_factory_connects_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setattr("app.main.configure_logging", lambda level: level)

    assert from_environment().title == "dmae-certify"


def test_a_log_line_is_json_with_its_values_and_its_request(caplog: Any) -> None:
    begin_request("trace-1")
    with caplog.at_level(logging.INFO):
        logging.getLogger("app.test").info("certified", extra={"draws": 7})

    line = json.loads(JsonLines().format(caplog.records[-1]))

    assert (line["message"], line["level"], line["draws"]) == ("certified", "info", 7)
    assert line["request_id"] == "trace-1"
    assert line["time"].endswith("+00:00")


def test_a_log_line_stays_one_line(caplog: Any) -> None:
    with caplog.at_level(logging.INFO):
        logging.getLogger("app.test").info("two\nlines")

    assert "\n" not in JsonLines().format(caplog.records[-1])


@pytest.mark.redis
@pytest.mark.anyio
@pytest.mark.parametrize(("keys", "said"), [("off", True), ("auto", False), ("required", False)])
async def test_a_service_that_asks_nobody_for_a_key_says_so_at_its_start(
    serve: Any, caplog: Any, keys: str, *, said: bool
) -> None:
    service = await serve(keys=keys)

    with caplog.at_level(logging.WARNING):
        async with service.app.router.lifespan_context(service.app):
            pass

    assert ("nobody needs an API key" in caplog.text) == said
