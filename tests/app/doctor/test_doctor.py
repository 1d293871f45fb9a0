"""What `dmae doctor` finds wrong, and what it advises."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from app.certificates.key_directory import add_key
from app.cli import cli
from app.doctor import machine as machine_module
from app.doctor.files import models, signing
from app.doctor.machine import machine
from app.doctor.services import service_checks
from app.doctor.stores import store_checks
from jobs.connection import make_redis
from model_store.registry import BUNDLED, Registry

pytestmark = [pytest.mark.redis, pytest.mark.usefixtures("clean_environment")]


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    names = ("DMAE_URL", "DMAE_API_KEY", "REDIS_URL", "WORKER_TORCH_THREADS", "APP_KEYS")
    for name in (*names, "APP_SIGNING_KEYS_DIR", "MODEL_STORE_DIR"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def by_name(findings: Iterator[Any]) -> dict[str, Any]:
    return {finding.name: finding for finding in findings}


def test_a_healthy_installation_passes_every_check(
    live: str, redis_url: str, worker: Any, clean_environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    worker.beat()
    clean_environment.setenv("REDIS_URL", redis_url)

    arguments = ["doctor", "--url", live, "--json", "--state-dir", str(tmp_path)]
    result = CliRunner().invoke(cli, arguments)

    report = json.loads(result.stdout)
    failing = [check for check in report["checks"] if check["level"] == "fail"]
    assert failing == [], result.stdout
    assert (result.exit_code, report["healthy"]) == (0, True)
    names = {check["name"] for check in report["checks"]}
    assert names >= {"python", "disk", "threads", "store", "service", "readiness", "strangers"}


def test_what_fails_is_printed_with_its_fix_and_exits_1(tmp_path: Path) -> None:
    arguments = ["doctor", "--url", "http://127.0.0.1:1", "--state-dir", str(tmp_path)]

    result = CliRunner().invoke(cli, arguments)

    assert result.exit_code == 1
    assert "FAIL  service: http://127.0.0.1:1" in result.stdout
    assert "-> start it, or correct the URL" in result.stdout


def configured(url: str, **settings: str) -> dict[str, Any]:
    with make_redis(url) as connection:
        before = {name: str(connection.config_get(name)[name]) for name in settings}
        for name, value in settings.items():
            connection.config_set(name, value)
        found = by_name(store_checks(url, named=True))
        for name, value in before.items():
            connection.config_set(name, value)
    return found


@pytest.mark.parametrize(
    ("settings", "name", "level"),
    [
        ({"maxmemory-policy": "noeviction"}, "store memory", "ok"),
        ({"maxmemory-policy": "allkeys-lru"}, "store memory", "fail"),
        ({"maxmemory": "1000000"}, "store memory", "warn"),
        ({"appendonly": "yes"}, "store durability", "ok"),
        ({"appendonly": "no"}, "store durability", "warn"),
    ],
)
def test_a_store_that_forgets_is_found(
    redis_url: str, settings: dict[str, str], name: str, level: str
) -> None:
    found = configured(redis_url, **settings)

    assert found[name].level == level
    assert (found[name].fix is None) == (level == "ok")


def test_without_workers_nothing_is_certified(redis_url: str) -> None:
    assert by_name(store_checks(redis_url, named=True))["workers"].level == "fail"


def test_a_worker_tells_what_it_could_not_do(redis_url: str, worker: Any) -> None:
    worker.beat(problem="no such file")
    assert by_name(store_checks(redis_url, named=True))["worker one"].level == "fail"

    worker.beat(warning="openvino is missing")
    found = by_name(store_checks(redis_url, named=True))["worker one"]
    assert (found.level, "openvino" in found.found) == ("warn", True)


def test_keys_that_open_nothing_lock_everybody_out(
    redis_url: str, make_key: Callable[..., str], revoke: Callable[[str], None]
) -> None:
    key = make_key()
    assert by_name(store_checks(redis_url, named=True))["API keys"].found == "1 in use"

    revoke(key)
    assert by_name(store_checks(redis_url, named=True))["API keys"].level == "fail"


@pytest.mark.parametrize(("named", "level"), [(True, "fail"), (False, "warn")])
def test_a_store_that_is_away_fails_only_if_somebody_named_it(
    tmp_path: Path, named: bool, level: str
) -> None:
    [finding] = store_checks(f"unix://{tmp_path}/none", named=named)

    assert finding.level == level


def test_what_cannot_even_be_asked_is_a_finding_too(
    clean_environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clean_environment.setenv("REDIS_URL", "store:6379")
    clean_environment.setenv("APP_DRAIN", "3")

    arguments = ["doctor", "--url", "nowhere", "--json", "--state-dir", str(tmp_path)]
    result = CliRunner().invoke(cli, arguments)

    found = {each["name"]: each for each in json.loads(result.stdout)["checks"]}
    assert result.exit_code == 1
    assert {found[name]["level"] for name in ("settings", "store", "service")} == {"fail"}
    assert "did you mean APP_DRAIN_S" in found["settings"]["found"]


@pytest.mark.usefixtures("worker")
def test_a_key_is_needed_once_there_is_one(live: str, make_key: Callable[..., str]) -> None:
    key = make_key()

    without = by_name(service_checks(live, None, named=True))
    accepted = by_name(service_checks(live, key, named=True))
    refused = by_name(service_checks(live, key[:-3] + "abc", named=True))

    assert (without["your API key"].level, without["strangers"].found) == ("fail", "need a key")
    assert accepted["your API key"].level == "ok"
    assert refused["your API key"].level == "fail"


def test_a_key_is_advised_only_where_the_key_is_at_fault(
    live: str, make_key: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = by_name(service_checks(live, make_key("certify"), named=True))
    key = make_key()
    plain = httpx.Client.get

    def busy(client: httpx.Client, url: str) -> httpx.Response:
        if url != "/models":
            return plain(client, url)
        return httpx.Response(503, json={"detail": "Redis is away"})

    monkeypatch.setattr(httpx.Client, "get", busy)
    away = by_name(service_checks(live, key, named=True))

    assert "scopes" in narrow["your API key"].fix
    assert (away["your API key"].found, away["your API key"].level) == ("Redis is away", "warn")
    assert "scopes" not in away["your API key"].fix


def test_another_name_for_this_machine_is_not_served(live: str) -> None:
    other = live.replace("127.0.0.1", "127.0.0.1.nip.example")

    found = by_name(service_checks(other, None, named=True))

    assert found["service"].level == "fail"


def test_weights_that_are_not_those_of_the_card_are_found(tmp_path: Path) -> None:
    model_id = Registry().ids()[0]
    shutil.copytree(BUNDLED / model_id, tmp_path / model_id)
    assert [finding.level for finding in models(tmp_path)] == ["ok"]

    weights = tmp_path / model_id / Registry().get(model_id).weights.file
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)

    assert [finding.level for finding in models(tmp_path)] == ["fail"]
    weights.unlink()
    assert [finding.level for finding in models(tmp_path)] == ["fail"]
    shutil.rmtree(tmp_path / model_id)
    assert [finding.level for finding in models(tmp_path)] == ["fail"]


def test_signing_keys_that_others_may_read_are_found(tmp_path: Path) -> None:
    assert signing(tmp_path / "none").level == "warn"
    key = add_key(tmp_path)
    assert signing(tmp_path).level == "ok"
    next(tmp_path.glob(f"{key.kid}*")).chmod(0o644)
    assert signing(tmp_path).level == "fail"


@pytest.mark.parametrize(("threads", "level"), [("1", "ok"), ("10000", "warn"), ("many", "fail")])
def test_more_threads_than_cores_are_found(
    tmp_path: Path, clean_environment: pytest.MonkeyPatch, threads: str, level: str
) -> None:
    clean_environment.setenv("WORKER_TORCH_THREADS", threads)

    assert by_name(machine(tmp_path))["threads"].level == level


@pytest.mark.parametrize(("free", "level"), [(0, "fail"), (1024**3, "warn"), (2**40, "ok")])
def test_a_disk_that_fills_up_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: str
) -> None:
    monkeypatch.setattr(machine_module, "TIGHT_BYTES", 1)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=free))

    assert by_name(machine(tmp_path / "not" / "there"))["disk"].level == level
