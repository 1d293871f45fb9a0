"""What a worker reads from its environment."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from worker.__main__ import command
from worker.settings import UnknownSetting, WorkerSettings, load_settings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REDIS_URL", "MODEL_STORE_DIR"):
        monkeypatch.delenv(name, raising=False)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "unix:///r.sock")
    monkeypatch.setenv("MODEL_STORE_DIR", "/models")
    monkeypatch.setenv("WORKER_MODELS", "a, b")
    monkeypatch.setenv("WORKER_BATCH_SIZE", "32")

    settings = load_settings()

    assert (settings.redis_url, settings.model_store_dir) == ("unix:///r.sock", Path("/models"))
    assert (settings.models, settings.batch_size) == (("a", "b"), 32)


def test_a_misspelt_name_stops_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKER_THREDS", "2")

    with pytest.raises(UnknownSetting, match=r"WORKER_THREDS; known: .*WORKER_THREADS"):
        load_settings()


@pytest.mark.parametrize(("name", "value"), [("WORKER_THREADS", "0"), ("WORKER_STUCK_S", "x")])
def test_a_value_out_of_range_stops_the_worker(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ValidationError):
        load_settings()


def test_no_models_named_means_all_of_the_store(model_store_dir: Path) -> None:
    settings = WorkerSettings(model_store_dir=model_store_dir)

    assert settings.model_ids() == ("tiny.random",)


def test_the_command_line_consumes_both_queues_of_each_model() -> None:
    line = command(WorkerSettings(models=("a", "b"), threads=3))

    assert line[line.index("--queues") + 1] == "draws.a,admit.a,draws.b,admit.b"
    assert line[line.index("--pool") + 1 : line.index("--pool") + 4] == [
        "threads",
        "--concurrency",
        "3",
    ]


def test_a_store_without_models_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"no models in .*each model.* card.json"):
        command(WorkerSettings(model_store_dir=tmp_path))
